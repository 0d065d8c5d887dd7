"""The diagram of an event's path in headless Chromium: events travel along it, wait in it, and pass what was down."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import expect

from scenarios import end_to_end
from settings import Settings
from stacks import faults, stepping
from tests.browser.conftest import SIZES, Open
from tests.combining import sample_combinations

pytestmark = pytest.mark.browser


@sample_combinations(size=SIZES, motion=["no-preference", "reduce"])
def test_an_event_travels_along_the_diagram_once(
    visit: Open, paged: Settings, size: str, motion: Literal["no-preference", "reduce"]
) -> None:
    end_to_end.run(paged)
    seen = visit(size)
    seen.page.emulate_media(reduced_motion=motion)
    page = seen.go()
    drawing = page.locator(f".diagram svg.{size}")
    expect(drawing).to_be_visible()
    # The first drawing may be of what the server read before the end of that run.
    expect(page.locator(".diagram .traveller[data-new]")).to_have_count(0)
    page.evaluate(
        """(size) => new MutationObserver(() => {
             const dot = document.querySelector(`.diagram svg.${size} .audit .traveller[data-new] circle`);
             if (dot) console.log(`travels: ${getComputedStyle(dot).animationName}`);
           }).observe(document.querySelector('.diagram'), {subtree: true, childList: true, attributes: true})""",
        size,
    )
    with page.expect_event("console", lambda message: "travels: " in message.text) as said:
        end_to_end.run(paged)
    assert said.value.text == f"travels: {'none' if motion == 'reduce' else 'alpes-travel'}"
    expect(page.locator(".diagram .traveller[data-new]")).to_have_count(0)
    seen.check()


def test_a_part_that_is_down_is_shown_as_down(visit: Open, paged: Settings) -> None:
    seen = visit()
    page = seen.go()
    faults.kill(paged, "broker", hold_s=120)
    try:
        expect(page.get_by_text("broker is down").first).to_be_visible()
        page.get_by_role("button", name="Calculate", exact=True).click()
        expect(page.get_by_text("Committed in")).to_be_visible()
        path = page.locator(".st-key-card-flow")
        expect(path.locator(".verdict.warn")).to_contain_text("wait: broker is down")
        expect(path.locator("svg.wide .arrow.capture.waits")).to_contain_text("waiting")
        expect(path.locator("svg.wide .topic.down .badge")).to_contain_text("✕ down")
        expect(page.locator('[class*="st-key-card-"] .bad')).to_have_count(0)
        expect(page.get_by_text("The events that wait")).to_be_visible()
        seen.check()
    finally:
        faults.release(paged, "broker")
    expect(page.get_by_text("broker is down").first).to_be_hidden()
    expect(page.get_by_text("0 lost, 0 duplicated")).to_be_visible()
    expect(page.locator(".scatter .fault").first).to_be_visible()


@sample_combinations(size=SIZES, language=["en", "es"])
def test_an_event_passes_step_by_step(visit: Open, paged: Settings, size: str, language: str) -> None:
    names = {"en": ("Step by step", "Next step", "Let everything pass", "Calculate")}
    names["es"] = ("Paso a paso", "Paso siguiente", "Dejar pasar todo", "Calcular")
    on, following, off, calculate = names[language]
    seen = visit(size)
    page = seen.go(f"?lang={language}")
    path = page.locator(".st-key-card-flow")
    try:
        page.get_by_role("button", name=on).click()
        step = path.get_by_role("button", name=following)
        expect(step).to_be_disabled()
        page.get_by_role("button", name=calculate, exact=True).click()
        for place in range(3):
            expect(path.locator("ol.steps li").nth(place)).to_have_class("next")
            expect(step).to_be_enabled()
            step.click()
        expect(step).to_be_disabled()
        expect(path.locator("ol.steps li.next")).to_have_count(0)
        expect(page.locator('[class*="st-key-card-"] .bad')).to_have_count(0)
        page.get_by_role("button", name=off).click()
        expect(page.get_by_role("button", name=on)).to_be_visible()
        seen.check()
    finally:
        stepping.end(paged)
