"""The search of the header and the list of keys, in headless Chromium: by mouse, by keyboard, on each width."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from scenarios import end_to_end
from scenarios.waiting import until
from settings import Settings
from tests.browser.conftest import Open
from tests.combining import rotate_combinations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sent(paged: Settings) -> end_to_end.EndToEnd:
    return end_to_end.run(paged)


@rotate_combinations(size=["wide", "narrow"], browser_language=["en-US", "es-CO"])
def test_an_id_opens_its_trace_and_a_name_lists_what_has_it(
    visit: Open, sent: end_to_end.EndToEnd, size: str, browser_language: str
) -> None:
    seen = visit(size, browser_language)
    page = seen.go("latency")
    expect(page.locator(".st-key-card-percentiles")).to_be_visible()
    page.keyboard.press("/")
    expect(page.locator(".st-key-search_text input")).to_be_focused()
    page.keyboard.type("kill-b")
    page.keyboard.press("Enter")
    popover = page.get_by_test_id("stPopoverBody")
    expect(popover.get_by_text(re.compile("kill-broker"))).to_be_visible()
    seen.check()
    page.locator(".st-key-search_text input").fill(sent.commission_id)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"trace.*{sent.commission_id}"))
    expect(page.locator(".st-key-card-waterfall .fall")).to_be_visible()
    expect(popover).to_have_count(0)
    seen.check()


def test_the_list_of_keys_opens_by_its_key_and_not_while_one_types(visit: Open, sent: end_to_end.EndToEnd) -> None:
    """`sent`: without events the page has no heading to click on."""
    page = visit().go("trace")
    search = page.locator(".st-key-trace_search input")
    search.click()
    page.keyboard.type("?/")
    expect(search).to_have_value("?/")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    page.locator("h2").first.click()
    page.keyboard.press("?")
    expect(page.get_by_test_id("stPopoverBody").locator("kbd").first).to_be_visible()

    def closes() -> bool:  # Streamlit opens it again when the key comes within some 50 ms of its being drawn
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
        return page.get_by_test_id("stPopoverBody").count() == 0

    until(closes, 30, "the list to close")


def test_nothing_found_is_said(visit: Open) -> None:
    page = visit().go()
    page.locator(".st-key-search button").click()
    page.locator(".st-key-search_text input").fill("no such thing")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing has this id or name.")).to_be_visible()


def test_json_is_folded_and_copied(visit: Open, sent: end_to_end.EndToEnd) -> None:
    seen = visit()
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = seen.go(f"trace?id={sent.commission_id}")
    event = page.locator(".st-key-card-thing-2")
    expect(event.locator(".json")).to_contain_text('"op"')
    event.locator(".json summary").first.click()
    expect(event.locator(".json")).not_to_contain_text('"op"', use_inner_text=True)
    event.locator(".copy").click()
    expect(event.locator(".copy[data-new]")).to_be_visible()
    assert '"op": "c"' in page.evaluate("navigator.clipboard.readText()")
    seen.check()
