"""Trace and latency in headless Chromium, and what all pages share: navigation, language, light and dark."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from scenarios import end_to_end
from settings import Settings
from tests.browser.conftest import SIZES, Open
from tests.combining import sample_combinations

pytestmark = pytest.mark.browser

LANGUAGES = {"en-US": "en", "es-CO": "es"}
NAMES = {"en": ("Live", "Trace", "Latency"), "es": ("En vivo", "Traza", "Latencia")}


@pytest.fixture(scope="module")
def sent(paged: Settings) -> end_to_end.EndToEnd:
    return end_to_end.run(paged)


@sample_combinations(size=SIZES, browser_language=LANGUAGES)
def test_a_trace_shows_every_hop_and_the_thing_itself(
    visit: Open, sent: end_to_end.EndToEnd, size: str, browser_language: str
) -> None:
    seen = visit(size, browser_language)
    page = seen.go(f"trace?id={sent.commission_id}")
    expect(page.locator(".fall .bar")).to_have_count(5)
    expect(page.locator("h2")).to_have_count(7)
    expect(page.get_by_text(sent.commission_id).first).to_be_visible()
    expect(page.get_by_role("combobox").first).to_be_visible()
    seen.check()


def test_a_search_goes_into_the_address_and_nothing_found_is_said(visit: Open, sent: end_to_end.EndToEnd) -> None:
    seen = visit()
    page = seen.go("trace")
    expect(page.get_by_text("The newest events")).to_be_visible()
    box = page.get_by_role("textbox", name="Event, commission, conversion or correlation id")
    box.fill("nothing-has-this-id")
    box.press("Enter")
    expect(page.get_by_text("correlation has this id")).to_be_visible()
    box.fill(sent.commission_id)
    box.press("Enter")
    expect(page.locator(".fall .bar")).to_have_count(5)
    expect(page).to_have_url(re.compile(f"id={sent.commission_id}"))
    page.reload()
    expect(page.locator(".fall .bar")).to_have_count(5)
    seen.check()


def test_a_link_in_any_row_leads_to_its_trace(visit: Open, sent: end_to_end.EndToEnd) -> None:
    for card in ("database", "feed"):
        page = visit().go()
        page.locator(f".st-key-card-{card} tbody a").first.click()
        expect(page).to_have_url(re.compile(r"/trace\?id="))
        expect(page.locator(".fall .bar")).to_have_count(5)


@sample_combinations(size=SIZES, browser_language=LANGUAGES)
def test_latency_by_hop_over_a_window_and_its_charts(
    visit: Open, sent: end_to_end.EndToEnd, size: str, browser_language: str
) -> None:
    seen = visit(size, browser_language)
    page = seen.go("latency")
    expect(page.locator(".st-key-card-percentiles tbody tr")).to_have_count(6)
    for card in ("histogram", "ecdf", "rates", "backlog"):
        expect(page.locator(f".st-key-card-{card} .js-plotly-plot")).to_be_visible()
    for window in ("1 min", "5 min", "15 min", "1 h"):
        page.get_by_role("radio", name=window, exact=True).or_(
            page.get_by_role("button", name=window, exact=True)
        ).click()
    expect(page.locator(".st-key-card-percentiles tbody tr")).to_have_count(6)
    seen.check()


def test_the_events_can_be_taken_away_as_csv_and_a_chart_as_png(
    visit: Open, sent: end_to_end.EndToEnd, tmp_path: Path
) -> None:
    page = visit().go("latency")
    expect(page.locator(".st-key-card-percentiles tbody tr")).to_have_count(6)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download CSV").click()
    saved.value.save_as(tmp_path / "latency.csv")
    rows = list(csv.DictReader((tmp_path / "latency.csv").open()))
    assert sent.commission_id in {row["commission_id"] for row in rows}
    assert all(float(row["end_to_end_ms"]) > 0 for row in rows)
    chart = page.locator(".st-key-card-ecdf .js-plotly-plot")
    chart.hover()
    with page.expect_download() as picture:
        chart.locator(".modebar-btn").first.click()
    picture.value.save_as(tmp_path / "ecdf.png")
    assert picture.value.suggested_filename == "alpes-ecdf.png"
    assert (tmp_path / "ecdf.png").read_bytes().startswith(b"\x89PNG")


def test_the_language_follows_the_browser_and_can_be_changed_for_good(visit: Open) -> None:
    seen = visit(language="es-CO")
    page = seen.go()
    expect(page.get_by_role("link", name="En vivo")).to_be_visible()
    page.locator(".st-key-frame").get_by_text("EN", exact=True).click()
    expect(page.get_by_role("link", name="Live")).to_be_visible()
    expect(page).to_have_url(re.compile("lang=en"))
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_title("Live · Alpes Outbox")
    page.get_by_role("link", name="Latency").click()
    expect(page.get_by_text("Percentiles by hop")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/latency\?lang=en"))
    page.reload()
    expect(page.get_by_text("Percentiles by hop")).to_be_visible()
    seen.check()


def test_the_navigation_is_there_on_a_narrow_screen(visit: Open) -> None:
    page = visit("narrow").go()
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Trace").click()
    expect(page).to_have_url(re.compile("/trace"))


def test_the_diagram_a_command_and_its_rows_are_on_one_screen(visit: Open, sent: end_to_end.EndToEnd) -> None:
    """Latency and the counts of the reconciliation are below: the diagram has the counts and the verdict, too."""
    page = visit().go()
    expect(page.locator(".scatter")).to_be_visible()
    for card in ("flow", "form", "database", "feed"):
        box = page.locator(f".st-key-card-{card}").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= SIZES["wide"][1], card


@sample_combinations(language=LANGUAGES, scheme=["light", "dark"])
def test_every_page_in_light_and_dark(visit: Open, sent: end_to_end.EndToEnd, language: str, scheme: str) -> None:
    suffix = LANGUAGES[language] + ("-dark" if scheme == "dark" else "")
    paths = {"live": "", "trace": f"trace?id={sent.commission_id}", "latency": "latency"}
    ready = {"live": ".scatter", "trace": ".fall .bar", "latency": ".st-key-card-rates .js-plotly-plot"}
    seen = visit("wide", language, scheme)
    for place, (name, path) in enumerate(paths.items()):
        page = seen.go(path)
        expect(page.locator(ready[name]).first).to_be_visible()
        expect(page).to_have_title(f"{NAMES[LANGUAGES[language]][place]} · Alpes Outbox")
        expect(page.locator("html")).to_have_attribute("lang", LANGUAGES[language])
        assert [one for one in NAMES[LANGUAGES[language]] if not page.get_by_role("link", name=one).is_visible()] == []
        seen.check()
        seen.picture(f"{name}-{suffix}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_small_screen_has_everything_too(visit: Open, sent: end_to_end.EndToEnd, language: str) -> None:
    seen = visit("narrow", language)
    page = seen.go()
    for card in ("flow", "form", "database", "feed", "latency", "reconciliation"):
        expect(page.locator(f".st-key-card-{card}")).to_be_visible()
    seen.check()
    seen.picture(f"live-narrow-{LANGUAGES[language]}")
