"""The tour, gone by somebody new: from the first command to the evidence, each step ticked by what really happened."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from application import leases
from settings import Settings
from tests.browser.conftest import SIZES, Open
from tests.combining import sample_combinations

pytestmark = pytest.mark.browser

LANGUAGES = {"en-US": "en", "es-CO": "es"}
WITHIN_S = 180.0
"""From the open page to “I killed Pulsar and saw that nothing was lost”."""
RUN_MS = 60_000
CALCULATE = '[data-testid="stFormSubmitButton"] button'


@pytest.fixture
def healed(paged: Settings) -> Iterator[Settings]:
    """The shared instance, whose faults end with the test: a try that failed must not fail the next."""
    yield paged
    for lease in leases.active(paged):
        leases.release(paged, lease.part, lease.fault)


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button:visible").first.click()


def follow(page: Page, step: str, shown: str) -> None:
    """Click the step's own link and wait for what it leads to: the session goes on."""
    page.locator(f".st-key-card-step-{step} a").first.click()
    expect(page.locator(shown).first).to_be_visible()


def back(page: Page, *ticked: str) -> None:
    page.get_by_role("link", name="Guide", exact=True).first.click()
    for step in ticked:
        expect(page.locator(f".st-key-card-step-{step} .done")).to_be_visible()


def test_the_whole_tour_ticks_itself_off(visit: Open, healed: Settings) -> None:
    seen = visit()
    page = seen.go("guide")
    expect(page.locator(".step.done")).to_have_count(0)
    began = time.monotonic()
    follow(page, "command", CALCULATE)
    page.locator(CALCULATE).click()
    expect(page.get_by_text("Committed in")).to_be_visible()
    page.get_by_role("button", name="Send again (duplicate)").click()
    expect(page.get_by_text("Refused, nothing was written")).to_be_visible()
    page.get_by_role("tab", name="Approve").click()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("(version 2)")).to_be_visible()
    back(page, "command", "arrives", "trace", "twice", "approve")
    follow(page, "kill", ".st-key-kill-broker button:visible")
    press(page, "kill-broker")
    downtime = page.locator(".st-key-hold-broker input:visible")
    downtime.fill("120")  # a slow browser needs longer than the default to come back and send a command
    downtime.press("Tab")
    press(page, "kill-broker-now")
    expect(page.locator(".st-key-troubles .notice").first).to_be_visible()
    back(page, "kill")
    follow(page, "goes_on", CALCULATE)
    page.locator(CALCULATE).click()
    expect(page.get_by_text("Committed in")).to_be_visible()
    back(page, "goes_on")
    page.get_by_role("link", name="Scenarios", exact=True).first.click()
    press(page, "release-broker")
    back(page, "everything")
    assert time.monotonic() - began < WITHIN_S
    seen.check()
    follow(page, "scenario", ".st-key-run-eventual-consistency button:visible")
    press(page, "run-eventual-consistency")
    expect(page.locator(".st-key-card-run .verdict-line .PASS")).to_be_visible(timeout=RUN_MS)
    with page.expect_download():
        page.get_by_role("button", name="Evidence").click()
    back(page, "scenario", "evidence")
    expect(page.get_by_text("You killed Pulsar and saw that nothing was lost.")).to_be_visible()
    seen.picture("guide-done-en")
    page.reload()
    expect(page.locator(".step.done").nth(5)).to_be_visible()
    press(page, "tour-again")
    expect(page.locator(".step.done")).to_have_count(0)
    seen.check()


@sample_combinations(size=SIZES, browser_language=LANGUAGES, scheme=["light", "dark"])
def test_the_guide_in_both_languages_widths_and_themes(
    visit: Open, size: str, browser_language: str, scheme: str
) -> None:
    language = LANGUAGES[browser_language]
    seen = visit(size, browser_language, scheme)
    page = seen.go("guide")
    expect(page.locator(".step")).to_have_count(10)
    title = {"en": "The outbox in ten minutes", "es": "El outbox en diez minutos"}[language]
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator(f".st-key-card-flow .diagram svg.{size}")).to_be_visible()
    if size == "wide":
        seen.picture(f"guide-{language}" if scheme == "light" else f"guide-{language}-dark")
    seen.check()
