"""Presenter mode in headless Chromium: by switch, key and address, and what it shows on each page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.combining import rotate_combinations

pytestmark = pytest.mark.browser


def root_font_px(page: Page) -> float:
    return float(page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)"))


@rotate_combinations(size=["wide", "narrow"], browser_language=["en-US", "es-CO"])
def test_it_hides_forms_and_is_kept_on_every_page_until_it_is_left(
    visit: Open, size: str, browser_language: str
) -> None:
    seen = visit(size, browser_language)
    page = seen.go()
    expect(page.locator(".st-key-card-form")).to_be_visible()
    narrow_px = root_font_px(page)
    page.locator(".st-key-present_switch button:visible").click()
    expect(page.locator(".st-key-presenting")).to_be_visible()
    expect(page).to_have_url(re.compile("present=1"))
    for hidden in (".st-key-card-form", ".st-key-card-database", ".st-key-feed-controls"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator(".st-key-card-flow")).to_be_visible()
    expect(page.locator(".st-key-card-feed")).to_be_visible()
    assert (root_font_px(page) > narrow_px) is (size == "wide")
    seen.check()
    page.reload()
    expect(page.locator(".st-key-card-flow")).to_be_visible()
    expect(page.locator(".st-key-card-form")).to_be_hidden()
    if size == "wide":
        page.locator('a[href*="scenarios"]:visible').first.click()
        expect(page.locator(".st-key-run-replay button:visible")).to_be_visible()
        expect(page).to_have_url(re.compile("scenarios.*present=1"))
        expect(page.locator(".st-key-card-history")).to_be_hidden()
        seen.check()
    page.locator(".st-key-present_switch button:visible").click()
    expect(page.locator(".st-key-not-presenting")).to_be_visible()
    expect(page).not_to_have_url(re.compile("present"))


def test_keys_turn_it_on_and_off_but_not_while_one_types(visit: Open) -> None:
    page = visit().go()
    field = page.locator(".st-key-card-form input").first
    field.click()
    page.keyboard.type("p")
    expect(field).to_have_value(re.compile("p"))  # ids are hexadecimal
    expect(page.locator(".st-key-not-presenting")).to_be_visible()
    page.locator(".st-key-card-flow h2").click()
    page.keyboard.press("p")
    expect(page.locator(".st-key-presenting")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-not-presenting")).to_be_visible()
    expect(page.locator(".st-key-card-form")).to_be_visible()
