"""Test the instance that the page's benchmark fills, and what the benchmark measures on it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from application import Application
from bench import dashboard
from bench.crowd import Visitor, read_feed_delays_ms
from bench.filled_instance import is_filled
from bench.filling import fill
from db import queries
from scenarios import reconciliation
from settings import Settings
from stacks import ownership
from tests.clocks import patch_time
from workers import audit_file

ROWS = 40


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("filled")
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'data' / 'alpes.db'}")
    assert fill(settings, ROWS) > 0
    return settings


def test_every_filled_event_is_in_all_four_sources_with_equal_contents(filled: Settings) -> None:
    with Application(filled, pool_size=1) as application:
        result = reconciliation.reconcile(application, filled, None)
    assert result.complete
    assert result.contents_unknown == 0
    assert len(audit_file.event_ids(filled.audit_file)) == ROWS


def test_the_home_is_marked_as_ours_so_that_it_can_be_removed(filled: Settings) -> None:
    ownership.require(ownership.INSTANCE, filled.home)


def test_a_filled_instance_is_seen_as_filled_only_when_it_is_whole(filled: Settings) -> None:
    with Application(filled, pool_size=1) as application:
        assert is_filled(application, ROWS)
        assert not is_filled(application, ROWS + 1)


def test_the_delay_of_the_feed_is_counted_from_the_notifications_commit(filled: Settings) -> None:
    with Application(filled, pool_size=1) as application:
        with application.reading() as connection:
            rows = queries.recent_outbox(connection, 2)
            persisted = queries.read_hop_times(connection, [row.id for row in rows])
        commissions = {row.aggregate_id: row.id for row in rows}
        seen = {rows[0].aggregate_id: persisted[rows[0].id]["persisted"] / 1000 + 12.5}
        (delay,) = read_feed_delays_ms(application, {**commissions, "unknown": "e-0"}, {**seen, "unknown": 1.0})
    assert delay == pytest.approx(12.5, abs=0.01)


# A visitor without a browser.


def feed_message(html: str, name: str = "live-feed") -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.active_script_hash = ""
    component = message.delta.new_element.bidi_component
    component.id = f"$$ID-x-{name}"
    component.component_name = "alpes_live"
    component.json = json.dumps({"mark": "1", "html": html})
    return message


def test_a_visitor_remembers_when_each_message_came_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    patch_time(monkeypatch, "bench.crowd", time=lambda: now[0])
    visitor = Visitor(Settings(home=tmp_path))
    visitor._handle_message(feed_message('<a data-go="c-1">'))
    now[0] = 11.0
    visitor._handle_message(feed_message('<a data-go="c-1"><a data-go="c-2">'))
    visitor._handle_message(feed_message('<a data-go="c-3">', "live-database"))
    assert visitor.seen_ms == {"c-1": 10_000, "c-2": 11_000}
    visitor.clear_measurements()
    assert visitor.seen_ms == {}


def test_a_visitor_learns_its_page_and_the_fragments_that_it_may_ask_for(tmp_path: Path) -> None:
    visitor = Visitor(Settings(home=tmp_path))
    session = ForwardMsg()
    session.new_session.page_script_hash = "page-hash"
    visitor._handle_message(session)
    pulse = ForwardMsg()
    pulse.delta.fragment_id = "fragment-1"
    component = pulse.delta.new_element.bidi_component
    component.id, component.component_name = "widget-1", "alpes_pulse"
    component.json = json.dumps({"name": "live", "drawn": "v1"})
    visitor._handle_message(pulse)
    sent: list[Any] = []

    class Socket:
        def send(self, data: bytes) -> None:
            sent.append(data)

        def recv(self, timeout: float) -> bytes:
            done = ForwardMsg()
            done.script_finished = 0  # type: ignore[assignment]
            return bytes(done.SerializeToString())

    visitor._request_drawing(Socket(), (visitor._fragments["live"], "v2"))  # type: ignore[arg-type]
    request = BackMsg()
    request.ParseFromString(sent[0])
    assert request.rerun_script.page_script_hash == "page-hash"
    assert request.rerun_script.fragment_id == "fragment-1"
    (widget,) = request.rerun_script.widget_states.widgets
    assert json.loads(widget.json_trigger_value) == [{"event": "changed", "value": "v2"}]


# The browser's timer.


def test_a_refresh_lasts_from_its_first_message_to_its_last() -> None:
    handlers: dict[str, Callable[[Any], None]] = {}
    session = SimpleNamespace(send=lambda _: None, on=handlers.__setitem__)
    page = SimpleNamespace(context=SimpleNamespace(new_cdp_session=lambda _: session))
    timer = dashboard._RefreshTimer(page)
    receive = handlers["Network.webSocketFrameReceived"]

    def event(kind: str, at: float) -> dict[str, Any]:
        message = ForwardMsg()
        if kind == "new_session":
            message.new_session.page_script_hash = "x"
        else:
            message.script_finished = 0  # type: ignore[assignment]
        data = base64.b64encode(message.SerializeToString()).decode()
        return {"timestamp": at, "response": {"payloadData": data}}

    receive(event("script_finished", 1.0))  # of a refresh that began before
    receive(event("new_session", 2.0))
    receive(event("script_finished", 2.25))
    assert timer.end() == [250.0]
    timer.begin()
    assert timer.end() == []


@pytest.mark.parametrize("names", [(), ("chromium-browser",)])
def test_without_a_browser_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> None:
    monkeypatch.setattr("bench.dashboard.shutil.which", lambda name: f"/usr/bin/{name}" if name in names else None)
    if names:
        assert dashboard._find_chromium() == "/usr/bin/chromium-browser"
    else:
        with pytest.raises(dashboard.NoBrowser, match="apt-get install chromium"):
            dashboard._find_chromium()
