"""The scenarios page in headless Chromium: a run seen by every page, its evidence, and a part killed by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scenarios import runner
from scenarios.waiting import until
from settings import Settings
from stacks import faults
from tests.browser.conftest import SIZES, Open
from tests.combining import rotate_combinations

pytestmark = pytest.mark.browser

LANGUAGES = {"en-US": "en", "es-CO": "es"}
RUN_MS = 60_000
SAYS = {
    "en": {
        "running": "running for",
        "details": "Details",
        "zero": "nothing lost: all",
        "killed": "broker was killed",
        "restarted": "audit was restarted",
    },
    "es": {
        "running": "en curso desde",
        "details": "Detalles",
        "zero": "nada perdido: los",
        "killed": "broker recibió SIGKILL",
        "restarted": "auditoría se reinició",
    },
}


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button:visible").first.click()


def finished(page: Page) -> None:
    expect(page.locator(".st-key-card-run .verdict-line .PASS")).to_be_visible(timeout=RUN_MS)


@rotate_combinations(size=SIZES, browser_language=LANGUAGES)
def test_a_run_is_seen_by_every_page_judged_and_taken_away(
    visit: Open, paged: Settings, tmp_path: Path, size: str, browser_language: str
) -> None:
    language = LANGUAGES[browser_language]
    seen, other = visit(size, browser_language), visit("wide", browser_language)
    elsewhere = visit("wide", browser_language)
    page, beside, live = seen.go("scenarios"), other.go("scenarios"), elsewhere.go()
    expect(page.locator(".st-key-run-kill-database button:visible")).to_be_disabled()
    expect(page.locator(".st-key-card-scn-dual-write .hypothesis")).to_be_visible()
    catalogue = page.locator(".st-key-card-catalogue")  # a run of another test may be shown beside it
    expect(catalogue.get_by_text("SIGKILL").locator("visible=true")).to_have_count(0)
    page.locator(".st-key-card-scn-dual-write").get_by_role("button", name=SAYS[language]["details"]).click()
    expect(page.get_by_test_id("stPopoverBody").get_by_text("./alpes scenario run dual-write")).to_be_visible()
    page.keyboard.press("Escape")
    press(page, "run-dual-write")
    expect(beside.get_by_text(SAYS[language]["running"])).to_be_visible()
    expect(beside.locator(".st-key-run-replay button:visible")).to_be_disabled()
    expect(page.locator("ol.timeline li.fault")).to_be_visible()
    expect(page.locator("ol.stages li[aria-current=step]")).to_be_visible()
    if size == "wide":
        seen.picture(f"scenarios-running-{language}")
    expect(live.get_by_test_id("stToast").get_by_text("dual-write")).to_be_visible(timeout=RUN_MS)
    with elsewhere.page.context.expect_page() as opened:
        live.get_by_test_id("stToast").get_by_role("link").click()
    expect(opened.value.locator(".st-key-card-run .verdict-line .PASS")).to_be_visible(timeout=RUN_MS)
    opened.value.close()
    finished(page)
    finished(beside)
    expect(page.locator(".st-key-card-scn-dual-write .last .PASS")).to_be_visible()
    seen.check()
    # The history is read a moment later, and the page is drawn once more then: a download begun before would be cancelled.
    row = page.locator(".st-key-card-history tbody tr").first
    expect(row.locator(".PASS")).to_be_visible()
    _taken_away(page, tmp_path, language)
    if size == "wide":
        seen.picture(f"scenarios-{language}")
    tabs = page.locator(".st-key-card-run").get_by_role("tab")
    tabs.nth(1).click()
    expect(page.locator(".st-key-card-run .js-plotly-plot").first).to_be_visible()
    expect(page.locator(".st-key-card-run .js-plotly-plot .shapelayer path").first).to_be_attached()
    if size == "wide":
        seen.picture(f"scenarios-plots-{language}")
    tabs.nth(2).click()
    expect(page.locator(".st-key-card-run ol.timeline li.verdict")).to_be_visible()
    seen.check()


def _taken_away(page: Page, folder: Path, language: str) -> None:
    with page.expect_download() as saved:
        page.get_by_role("button", name="JSON").click()
    saved.value.save_as(folder / "run.json")
    found = json.loads((folder / "run.json").read_text())
    assert found["name"] == "dual-write"
    assert found["figures"]["naive_lost"] > 0
    with page.expect_download() as saved:
        page.get_by_role("button", name="Evidence" if language == "en" else "Evidencia").click()
    saved.value.save_as(folder / "run.html")
    evidence = (folder / "run.html").read_text()
    assert found["run_id"] in evidence
    assert f'<html lang="{language}">' in evidence
    assert "<script" not in evidence


def test_a_run_goes_on_without_the_page_and_any_page_may_stop_it(visit: Open, paged: Settings) -> None:
    page = visit().go("scenarios")
    page.locator(".st-key-chaos_seed input").fill("7")
    page.locator(".st-key-chaos_seed input").press("Enter")
    press(page, "run-chaos")
    until(lambda: runner.current(paged) is not None, 30, "the run began")
    run_id = runner.current(paged)
    page.close()
    seen = visit()
    page = seen.go("scenarios")
    expect(page.get_by_text("running for")).to_be_visible()
    assert runner.current(paged) == run_id
    press(page, "stop-run")
    expect(page.get_by_text("This run was stopped before its verdict")).to_be_visible(timeout=RUN_MS)
    row = page.locator(".st-key-card-history tbody tr").first
    expect(row).to_contain_text("stopped")
    expect(row).to_contain_text("7")
    seen.check()


def test_an_older_run_is_shown_again_and_can_be_repeated(visit: Open, paged: Settings) -> None:
    first = runner.run(paged, "duplicate-command", seed=11)
    runner.run(paged, "eventual-consistency")
    seen = visit()
    page = seen.go("scenarios")
    expect(page.locator(".st-key-card-run").get_by_text("eventual-consistency")).to_be_visible()
    page.locator(".st-key-card-history").get_by_role("button", name=first.run_id[:8]).click()
    expect(page.locator(".st-key-card-run").get_by_text("duplicate-command")).to_be_visible()
    press(page, "run-again")
    expect(page.get_by_text("running for")).to_be_visible()
    finished(page)
    expect(page.locator(".st-key-card-history tbody tr").first).to_contain_text("11")
    seen.check()


@rotate_combinations(size=SIZES, browser_language=LANGUAGES)
def test_a_part_killed_by_hand_comes_back_and_nothing_is_lost(
    visit: Open, paged: Settings, size: str, browser_language: str
) -> None:
    says = SAYS[LANGUAGES[browser_language]]
    seen = visit(size, browser_language)
    page = seen.go("scenarios")
    newest = page.locator(".incidents section").first
    press(page, "kill-broker")
    expect(page.locator(".st-key-kill-broker-now button:visible")).to_be_visible()
    page.locator(".st-key-hold-broker input").fill("60")
    page.locator(".st-key-hold-broker input").press("Enter")
    press(page, "kill-broker-now")
    expect(page.locator(".st-key-kill-broker-now button:visible")).to_be_hidden()
    expect(page.locator(".st-key-troubles .notice").first).to_be_visible()
    expect(page.locator(".st-key-run-replay button:visible")).to_be_disabled()
    lease = faults.active(paged)["broker"]
    assert lease.expires_at - lease.started_at == pytest.approx(60, abs=1), "what the field said at the click"
    seen.check()
    press(page, "release-broker")
    expect(newest.get_by_text(says["killed"])).to_be_visible()
    expect(newest.get_by_text(says["zero"])).to_be_visible(timeout=RUN_MS)
    press(page, "restart-audit")
    press(page, "restart-audit-now")
    expect(newest.get_by_text(says["restarted"])).to_be_visible()
    expect(newest.get_by_text(says["zero"])).to_be_visible(timeout=RUN_MS)
    if size == "wide":
        seen.picture(f"break-it-{LANGUAGES[browser_language]}")
    seen.check()


def test_every_other_part_can_be_killed_and_restarted(visit: Open, paged: Settings) -> None:
    seen = visit()
    page = seen.go("scenarios")
    expect(page.locator(".st-key-kill-api")).to_be_visible()
    for part in ("relay", "notifications", "observer", "commands", "watcher", "api"):
        press(page, f"restart-{part}")
        press(page, f"restart-{part}-now")
        press(page, f"kill-{part}")
        expect(page.locator(f".st-key-kill-{part}-now button:visible")).to_be_visible()
        page.keyboard.press("Escape")
        section = page.locator(".incidents section").first
        expect(section.get_by_text("nothing lost: all")).to_be_visible(timeout=RUN_MS)
    seen.check()
