"""The comparison with and without an outbox: a real run, seen live by two visitors, after a reload, and to its verdict."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from settings import Settings
from tests.browser.conftest import Open

pytestmark = pytest.mark.browser

RUN_MS = 90_000


def test_the_counters_part_and_the_verdict_says_what_each_side_lost(visit: Open, paged: Settings) -> None:
    seen, other = visit(), visit("narrow", "es-CO", "dark")
    page, beside = seen.go("outbox"), other.go("outbox")
    page.locator(".st-key-run-comparison button:visible").click()
    expect(page.locator(".stages .current")).to_be_visible()
    expect(page.locator(".st-key-run-comparison button:visible")).to_be_disabled()
    expect(beside.locator(".stages .current")).to_be_visible()
    page.reload()
    expect(page.locator(".side .outage").first).to_be_attached(timeout=RUN_MS)
    for there in (page, beside):
        expect(there.locator(".conclusion .bad")).to_be_visible(timeout=RUN_MS)
        expect(there.locator(".conclusion .ok")).to_be_visible()
        without, outbox = (there.locator(f".st-key-card-{name} .counts b") for name in ("without", "outbox"))
        assert int(without.nth(2).inner_text()) > 0
        assert outbox.nth(2).inner_text() == "0"
        assert without.nth(0).inner_text() == outbox.nth(0).inner_text(), "both sides had the same commands"
    seen.picture("outbox-en")
    seen.check()
    other.check()
