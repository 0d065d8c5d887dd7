"""The diagram is on the screen before Streamlit's page runs, and nothing moves when that page takes its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from scenarios import end_to_end
from settings import Settings
from tests.browser.conftest import FIRST_MS, SIZES, Open
from tests.combining import sample_combinations

pytestmark = pytest.mark.browser

LANGUAGES = {"en-US": "one transaction", "es-CO": "una transacción"}
SIGHT, SHOWN = "#first-sight", ".st-key-card-flow"
MOVES_AT_MOST_PX = 2
FONT_IS_LOADED = "[...document.fonts].some((font) => font.family.includes('Source Sans') && font.status === 'loaded')"


def hold_streamlit(page: Page) -> Callable[[], None]:
    """Hold the module that begins Streamlit's page; return the function that lets it go."""
    held: list[Route] = []
    page.route("**/static/js/index.*.js", lambda route: held.append(route))

    def release() -> None:
        for route in held:
            route.continue_()

    return release


def find_boxes(page: Page, within: str, size: str) -> list[dict[str, Any]]:
    places = [page.locator(f"{within} {inner}").first for inner in ("h2", f"svg.{size}")]
    return [dict(box) for place in places if (box := place.bounding_box()) is not None]


@sample_combinations(size=SIZES, browser_language=LANGUAGES, scheme=["light", "dark"])
def test_the_diagram_is_there_before_the_page_and_stays_where_it_is(
    visit: Open, paged: Settings, size: str, browser_language: str, scheme: str
) -> None:
    end_to_end.run(paged)
    seen = visit(size, browser_language, scheme)
    page = seen.page
    release = hold_streamlit(page)
    page.goto(f"http://{paged.bind}:{paged.dashboard_port}/", wait_until="commit")
    expect(page.locator(f"{SIGHT} svg.{size}")).to_be_visible()
    expect(page.locator(SIGHT)).to_contain_text(LANGUAGES[browser_language])
    expect(page.locator(SHOWN)).to_have_count(0)
    page.wait_for_function(FONT_IS_LOADED)  # until then the heading is drawn in another one, which is wider
    before = find_boxes(page, SIGHT, size)
    release()
    expect(page.locator(f"{SHOWN} svg.{size}")).to_be_visible(timeout=FIRST_MS)
    expect(page.locator(SIGHT)).to_have_count(0)
    expect(page.locator(".st-key-card-database td").first).to_be_visible()
    after = find_boxes(page, SHOWN, size)
    assert len(before) == len(after) == 2
    for first, then in zip(before, after, strict=True):
        assert all(abs(first[side] - then[side]) <= MOVES_AT_MOST_PX for side in ("x", "y", "width")), (first, then)
    seen.check()


def test_a_page_that_never_draws_is_not_hidden(visit: Open, paged: Settings) -> None:
    page = visit().page
    page.clock.install()
    hold_streamlit(page)
    page.goto(f"http://{paged.bind}:{paged.dashboard_port}/", wait_until="commit")
    expect(page.locator(f"{SIGHT} svg.wide")).to_be_visible()
    page.clock.fast_forward("00:16")
    expect(page.locator(SIGHT)).to_have_count(0)
