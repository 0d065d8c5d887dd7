"""From page to page on a slow server, and a page whose application broke."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from application import Application
from dashboard.view_models.load import Load
from scenarios import end_to_end
from settings import Settings
from tests.browser.conftest import SOON_MS, Open

pytestmark = pytest.mark.browser

PAGES = {
    "Latency": "card-percentiles",
    "Scenarios": "card-catalogue",
    "Guide": "card-step-command",
    "Operations": "card-parts",
    "Live": "card-form",  # the diagram is in the guide, too
}
LATE_MS = 800
SLOW_SERVER = f"""
const listen = WebSocket.prototype.addEventListener;
WebSocket.prototype.addEventListener = function (type, heard, ...more) {{
  const late = (event) => setTimeout(() => heard.call(this, event), {LATE_MS});
  return listen.call(this, type, type === "message" ? late : heard, ...more);
}};
"""


def _go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.locator(f".st-key-{PAGES[name]}")).to_be_visible()


def _always_changed() -> Callable[[Route], None]:
    """Answers the page's question whether anything changed: everything did, each time."""
    numbers = itertools.count()

    def answer(route: Route) -> None:
        names = [drawn.partition("~")[0] for drawn in route.request.url.split("of=")[1].split(",")]
        route.fulfill(body=json.dumps({name: f"{next(numbers)}" for name in names}), content_type="application/json")

    return answer


def test_what_changes_while_another_page_is_on_its_way_draws_nothing_of_the_old_one(
    visit: Open, paged: Settings
) -> None:
    """A fragment's run of the page one leaves would break Streamlit's application: the page would be white."""
    seen = visit()
    page = seen.page
    page.route("**/pulse*", _always_changed())
    page.add_init_script(SLOW_SERVER)
    seen.go()
    for name in PAGES:
        _go(page, name)
    seen.check()


def test_parts_that_change_at_once_are_asked_for_one_after_the_other(visit: Open, paged: Settings) -> None:
    """Of two fragments asked for in one message Streamlit draws one; the feed stood still for a second then."""
    seen = visit()
    page = seen.page
    asked: list[list[str]] = []

    def sent(frame: str | bytes) -> None:
        message = BackMsg()
        message.ParseFromString(frame if isinstance(frame, bytes) else frame.encode())
        widgets = message.rerun_script.widget_states.widgets
        names = [one.id.split("-pulse-")[1] for one in widgets if "-pulse-" in one.id and one.json_trigger_value]
        if names:
            asked.append(names)

    page.on("websocket", lambda socket: socket.on("framesent", sent))
    page.route("**/pulse*", _always_changed())
    seen.go()
    for _ in range(SOON_MS // 100):
        page.wait_for_timeout(100)
        if len(asked) >= 9:
            break
    assert all(len(names) == 1 for names in asked)
    assert {name for names in asked for name in names} == {
        "frame__events",
        "live__events",
        "load__events",
        "steps__events",
    }


def test_pages_may_be_turned_fast_while_events_come_in(visit: Open, paged: Settings) -> None:
    seen = visit()
    page = seen.go()
    load = Load(Application(paged))
    load.start(2000, 40)
    try:
        for _ in range(3):
            for name in PAGES:
                page.get_by_role("link", name=name, exact=True).first.click()
                page.wait_for_timeout(60)  # fast, and not in one moment: between two drawings
        _go(page, "Live")
        seen.check()
    finally:
        load.cancel()


def test_a_page_whose_application_broke_is_loaded_again(visit: Open, paged: Settings) -> None:
    page = visit().go()
    expect(page.locator(".st-key-card-flow")).to_be_visible()
    page.evaluate("document.querySelector('#root').replaceChildren()")
    expect(page.locator(".st-key-card-flow")).to_be_visible()


def test_a_pick_in_the_middle_of_a_whole_run_is_no_accident(visit: Open, paged: Settings) -> None:
    """The feed draws itself again after a pick, and may be drawn as part of the whole page just then."""
    end_to_end.run(paged)
    seen = visit()
    page = seen.go()
    rows = page.locator(".st-key-card-feed tbody tr")
    expect(rows.nth(1)).to_be_visible()
    page.get_by_role("button", name="Calculate", exact=True).click()
    rows.nth(1).locator("button.pick").click()
    expect(page.locator(".st-key-card-feed tr.picked")).to_be_visible()
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    seen.check()
