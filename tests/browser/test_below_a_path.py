"""The page behind a proxy that serves it below a path: everything it opens, follows and links to stays below it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from dashboard.site import PAGES
from scenarios import end_to_end
from settings import Settings
from tests.browser.conftest import FIRST_MS, Open
from tests.browser.path_proxy import path_proxy

pytestmark = pytest.mark.browser


def test_every_page_works_below_a_path(visit: Open, paged: Settings) -> None:
    end_to_end.run(paged)
    with path_proxy(paged.dashboard_port) as base:
        page = visit().page
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        for spec in PAGES:
            page.goto(f"{base}/{spec.path}?lang=en")
            expect(page.locator(".st-key-frame .chip").first).to_be_visible(timeout=FIRST_MS)
            links = page.eval_on_selector_all("a[href]", "all => all.map(link => link.href)")
            host = base.rpartition("/proxy")[0]
            assert not [link for link in links if link.startswith(host) and not link.startswith(base)]
        page.goto(f"{base}/?lang=en")
        feed = page.locator(".st-key-card-feed")
        expect(feed.locator("tbody tr").first).to_be_visible(timeout=FIRST_MS)
        commission = end_to_end.run(paged).commission_id
        shown = feed.locator(f'[data-go="{commission}"]').first
        expect(shown).to_be_visible()  # the page was told of it
        shown.click()
        expect(page).to_have_url(re.compile(f"^{base}/trace.*{commission}"))
        expect(page.locator(".st-key-card-waterfall .fall")).to_be_visible()
        assert {url.rpartition("/")[2] for url in sockets} == {"stream"}
        assert all("/proxy/8501/" in url for url in sockets)
