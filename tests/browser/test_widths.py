"""Every page at the widths between and beyond those of a telephone and a notebook: nothing overlaps, nothing is cut off."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from dashboard.site import PAGES
from scenarios import end_to_end
from settings import Settings
from tests.browser.conftest import Open
from tests.combining import rotate_combinations

pytestmark = pytest.mark.browser

COLUMNS = {"tablet": 1, "large": 3}
"""The columns of cards on the live page: one below 1000 px."""
USED = 0.85
"""The part of a large window's width that the content fills at least."""


@rotate_combinations(size=COLUMNS, browser_language=["en-US", "es-CO"])
def test_every_page_fits_its_window(visit: Open, paged: Settings, size: str, browser_language: str) -> None:
    end_to_end.run(paged)
    seen = visit(size, browser_language)
    for spec in PAGES:
        page = seen.go("" if spec is PAGES[0] else spec.path)
        expect(page.locator(".stMain [class*=st-key-card-], .stMain .alpes-live").first).to_be_visible()
        seen.check()
        assert not _list_covered_links(page)
        if spec is PAGES[0]:
            assert _count_columns(page) == COLUMNS[size]
        if size == "large":
            box = page.locator(".stMainBlockContainer").bounding_box()
            assert box is not None
            assert box["width"] >= USED * 1920


def _list_covered_links(page: Page) -> list[str]:
    """Return the links of the header that the controls at its right cover."""
    covered: list[str] = page.evaluate(
        "[...document.querySelectorAll('[data-testid=stTopNavLink]')].filter(link => link.getBoundingClientRect().right"
        " > document.querySelector('.st-key-frame').getBoundingClientRect().left).map(link => link.innerText)"
    )
    return covered


def _count_columns(page: Page) -> int:
    """Return how many cards of the live page's middle row stand side by side."""
    tops = page.evaluate(
        "['card-form', 'card-database', 'card-feed']"
        ".map(name => document.querySelector(`.st-key-${name}`)?.getBoundingClientRect().top)"
    )
    return sum(top == tops[1] for top in tops)
