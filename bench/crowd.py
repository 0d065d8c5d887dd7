"""Open pages without browsers: each speaks to the server as Streamlit's application does, and draws nothing.

So ten of them cost this machine what the server does for them and hardly more; ten browsers would measure themselves.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from application import Application
from dashboard.pulse import EVERY_MS
from db import queries
from domain.commands import CalculateCommission
from scenarios.api_client import page_client, url_host
from scenarios.percentiles import percentiles
from scenarios.waiting import TookTooLong
from settings import Settings

PAGES = 10
RATE_PER_S = 50
FOR_S = 20.0
LATE_S = 3.0
"""So long what was sent last may take to be seen."""
_GO = re.compile(r'data-go="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Crowd:
    """The server with several open live pages while events come."""

    pages: int
    events_per_s: float
    cpu_percent: float
    """Of one core, by the page's server."""
    refresh_ms_p95: float
    """From a page's asking until all of the refresh has come; what it waits for the others is in it."""
    feed_delay_ms_p95: float
    """Over all pages: from the notification's commit until its message came to the page."""
    seen_per_page: float
    """Messages: of those that come between two refreshes the newest are in the feed."""


@dataclass(slots=True)
class _Part:
    """What is drawn alone: its fragment, the widget that asks for it, and the mark it was drawn with."""

    fragment: str
    widget: str
    drawn: str


@dataclass(slots=True)
class Visitor:
    """One open live page. `seen_ms`: commission id → when its message was in the feed first, in ms since the epoch."""

    settings: Settings
    seen_ms: dict[str, float] = field(default_factory=dict)
    refreshes_ms: list[float] = field(default_factory=list)
    """From asking for a refresh until all of it is here."""
    _parts: dict[str, _Part] = field(default_factory=dict)
    _page: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the page; returns when all of it is here. Raises OSError or TimeoutError."""
        address = f"{url_host(self.settings.bind)}:{self.settings.dashboard_port}"
        socket = connect(f"ws://{address}/_stcore/stream", subprotocols=["streamlit"], max_size=None, proxy=None)  # type: ignore[list-item]
        self._ask(socket, None)
        self._thread = threading.Thread(target=self._stay, args=(socket,), daemon=True)
        self._thread.start()

    def forget(self) -> None:
        self.seen_ms.clear()
        self.refreshes_ms.clear()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _stay(self, socket: ClientConnection) -> None:
        with socket, page_client(self.settings) as client:
            try:
                while not self._stop.wait(EVERY_MS / 1000):
                    marks = client.get("/pulse", params={"of": ",".join(self._parts)}).json()
                    for name, part in self._parts.items():
                        if marks.get(name, part.drawn) != part.drawn:
                            began = time.perf_counter()
                            self._ask(socket, (part, marks[name]))
                            self.refreshes_ms.append((time.perf_counter() - began) * 1000)
            except ConnectionClosed:
                return

    def _ask(self, socket: ClientConnection, of: tuple[_Part, str] | None) -> None:
        """For a part, or the page; returns when it was drawn."""
        message = BackMsg()
        message.rerun_script.query_string = "lang=en"
        message.rerun_script.page_script_hash = self._page
        if of is not None:
            part, mark = of
            message.rerun_script.fragment_id = part.fragment
            asking = message.rerun_script.widget_states.widgets.add()
            asking.id = part.widget
            asking.json_trigger_value = json.dumps([{"event": "changed", "value": mark}])
        socket.send(message.SerializeToString())
        while self._hear(socket.recv(timeout=30)) != "script_finished":
            pass

    def _hear(self, raw: Any) -> str | None:
        message = ForwardMsg()
        message.ParseFromString(raw)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "bidi_component":
            self._drawn(message.delta)
        return kind

    def _drawn(self, delta: Delta) -> None:
        component = delta.new_element.bidi_component
        data = json.loads(component.json)
        if component.component_name == "alpes_pulse":
            self._parts[data["name"]] = _Part(delta.fragment_id, f"{component.id}__events", data["drawn"])
        elif component.id.endswith("live-feed") and data["html"]:
            now = time.time() * 1000
            for commission in _GO.findall(data["html"]):
                self.seen_ms.setdefault(commission, now)


def crowded(settings: Settings, server: psutil.Process) -> Crowd:
    """Open the pages, send the events. Raises TookTooLong where a page shows nothing, OSError where it cannot be opened."""
    visitors = [Visitor(settings) for _ in range(PAGES)]
    commissions: dict[str, str] = {}
    with Application(settings, pool_size=2) as application:
        try:
            for visitor in visitors:
                visitor.start()
            time.sleep(LATE_S)
            for visitor in visitors:
                visitor.forget()
            server.cpu_percent()
            began = time.monotonic()
            for number in range(int(RATE_PER_S * FOR_S)):
                time.sleep(max(0.0, began + number / RATE_PER_S - time.monotonic()))
                result = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "120.50", "USD"))
                commissions[result.commission_id] = result.event_ids[0]
            took, cpu = time.monotonic() - began, server.cpu_percent()
            time.sleep(LATE_S)
        finally:
            for visitor in visitors:
                visitor.close()
        delays = [ms for visitor in visitors for ms in late(application, commissions, visitor.seen_ms)]
    refreshes = [ms for visitor in visitors for ms in visitor.refreshes_ms]
    if not delays or not all(visitor.refreshes_ms for visitor in visitors):
        raise TookTooLong("an open page was not refreshed")
    return Crowd(
        pages=PAGES,
        events_per_s=round(len(commissions) / took, 1),
        cpu_percent=round(cpu, 1),
        refresh_ms_p95=round(percentiles(refreshes)["p95"], 1),
        feed_delay_ms_p95=round(percentiles(delays)["p95"], 1),
        seen_per_page=round(len(delays) / len(visitors), 1),
    )


def late(application: Application, commissions: dict[str, str], seen: Mapping[str, float]) -> list[float]:
    """Milliseconds from each notification's commit until it was seen, of those that were."""
    with application.reading() as connection:
        hops = queries.hop_times(connection, list(commissions.values()))
    return [
        seen[commission] - hops[event]["persisted"] / 1000
        for commission, event in commissions.items()
        if commission in seen and "persisted" in hops.get(event, {})
    ]
