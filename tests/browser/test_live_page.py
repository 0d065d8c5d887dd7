"""The page in headless Chromium, on a running stack: a command is issued and its way appears."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from scenarios import end_to_end
from settings import Settings
from stacks import faults

pytestmark = pytest.mark.browser
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
SOON_MS = 20_000


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with end_to_end.running("embedded", private=True, without=()) as made:
        yield made


@pytest.fixture(scope="module")
def browser(missing: Callable[[str, str], None]) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing("browser", "sudo apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=chromium, args=[*QUIET, "--disable-component-update", "--disable-sync"]
        )
        yield found
        found.close()


@pytest.fixture(params=[(1440, 900), (390, 844)], ids=["wide", "narrow"])
def page(request: pytest.FixtureRequest, browser: Browser, settings: Settings) -> Iterator[Page]:
    width, height = request.param
    found = browser.new_page(viewport={"width": width, "height": height})
    found.goto(f"http://{settings.bind}:{settings.dashboard_port}")
    expect(found.get_by_text("3 · Live Pulsar feed")).to_be_visible(timeout=SOON_MS)
    yield found
    found.close()


def test_a_command_is_answered_refused_the_second_time_and_approved(page: Page) -> None:
    page.get_by_role("button", name="Calculate", exact=True).click()
    expect(page.get_by_text("Written: the commission (version 1)")).to_be_visible(timeout=SOON_MS)
    page.get_by_role("button", name="Same again").click()
    expect(page.get_by_text("Refused, nothing was written")).to_be_visible(timeout=SOON_MS)
    page.get_by_role("tab", name="Approve").click()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("Written: the commission (version 2)")).to_be_visible(timeout=SOON_MS)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_part_that_is_down_is_shown_as_down(page: Page, settings: Settings) -> None:
    faults.kill(settings, "broker", hold_s=60)
    try:
        expect(page.get_by_text("broker is down: held down by a kill")).to_be_visible(timeout=SOON_MS)
        page.get_by_role("button", name="Calculate", exact=True).click()
        expect(page.get_by_text("Written: the commission (version 1)")).to_be_visible(timeout=SOON_MS)
    finally:
        faults.release(settings, "broker")
    expect(page.get_by_text("broker is down")).to_be_hidden(timeout=SOON_MS)
    assert page.get_by_text("Traceback").count() == 0
