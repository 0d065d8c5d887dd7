"""Open pages without browsers: each speaks Streamlit's protocol with the page's server, and draws nothing.

Ten of them need little more CPU than the server itself. With ten browsers the measurement would mostly show the browsers' load.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from application import Application
from dashboard.pulse import PAUSE_MS
from dashboard.visiting import open_stream, request_drawing
from db import queries
from domain.commands import CalculateCommission
from scenarios.api_client import page_client
from scenarios.percentiles import percentiles
from scenarios.waiting import TookTooLong
from settings import Settings

PAGES = 10
RATE_PER_S = 50
DURATION_S = 20.0
CROWD_SETTLE_S = 3.0
"""Wait before the load, until the pages are quiet, and after it, until the last events have appeared."""
_GO = re.compile(r'data-go="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Crowd:
    """Measurements of the page's server with several open live pages under load."""

    pages: int
    events_per_s: float
    cpu_percent: float
    """CPU time of the page's server, in percent of one core."""
    refresh_ms_p95: float
    """From a page's request until the whole refresh has arrived, including the time in which the server draws other pages."""
    feed_delay_ms_p95: float
    """From the commit of a notification until the event's message appeared in a page's feed, over all pages."""
    seen_per_page: float
    """Messages that appeared in the feed of a page. With many events between two refreshes, only the newest appear."""


@dataclass(slots=True)
class _Fragment:
    """A fragment: its id, the widget that requests its drawing, and the version that was drawn last."""

    id: str
    widget_id: str
    drawn_version: str


@dataclass(slots=True)
class Visitor:
    """One open live page. `seen_ms`: commission id → when its message first appeared in the feed, in ms since the epoch."""

    settings: Settings
    seen_ms: dict[str, float] = field(default_factory=dict)
    refreshes_ms: list[float] = field(default_factory=list)
    """Durations from the request of a refresh until all of it has arrived."""
    _fragments: dict[str, _Fragment] = field(default_factory=dict)
    _page_hash: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the page and wait until all of it has arrived. Raises OSError or TimeoutError."""
        socket = open_stream(self.settings)
        self._request_drawing(socket, None)
        self._thread = threading.Thread(target=self._poll, args=(socket,), daemon=True)
        self._thread.start()

    def clear_measurements(self) -> None:
        """Forget what was measured, so that the measurement begins now."""
        self.seen_ms.clear()
        self.refreshes_ms.clear()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _poll(self, socket: ClientConnection) -> None:
        with socket, page_client(self.settings) as client:
            try:
                while not self._stop.wait(PAUSE_MS / 1000):
                    drawn = [f"{name}~{fragment.drawn_version}" for name, fragment in self._fragments.items()]
                    versions = client.get("/pulse", params={"of": ",".join(drawn)}).json()
                    for name, fragment in self._fragments.items():
                        if versions.get(name, fragment.drawn_version) != fragment.drawn_version:
                            started_at = time.perf_counter()
                            self._request_drawing(socket, (fragment, versions[name]))
                            self.refreshes_ms.append((time.perf_counter() - started_at) * 1000)
            except ConnectionClosed:
                return

    def _request_drawing(self, socket: ClientConnection, fragment_and_version: tuple[_Fragment, str] | None) -> None:
        """Request the drawing of a fragment, or of the page, and wait until it is drawn."""
        fragment_id, triggers = "", {}
        if fragment_and_version is not None:
            fragment, version = fragment_and_version
            fragment_id = fragment.id
            triggers[fragment.widget_id] = json.dumps([{"event": "changed", "value": version}])
        for message in request_drawing(socket, "en", self._page_hash, fragment_id, triggers):
            self._handle_message(message)

    def _handle_message(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page_hash = message.new_session.page_script_hash
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "bidi_component":
            self._record_drawing(message.delta)

    def _record_drawing(self, delta: Delta) -> None:
        component = delta.new_element.bidi_component
        data = json.loads(component.json)
        if component.component_name == "alpes_pulse":
            self._fragments[data["name"]] = _Fragment(delta.fragment_id, f"{component.id}__events", data["drawn"])
        elif component.id.endswith("live-feed") and data["html"]:
            now = time.time() * 1000
            for commission in _GO.findall(data["html"]):
                self.seen_ms.setdefault(commission, now)


def measure_crowd(settings: Settings, server: psutil.Process) -> Crowd:
    """Open the pages, send commands, and measure. Raises TookTooLong when a page is not refreshed, OSError when one cannot open."""
    visitors = [Visitor(settings) for _ in range(PAGES)]
    commissions: dict[str, str] = {}
    with Application(settings, pool_size=2) as application:
        try:
            for visitor in visitors:
                visitor.start()
            time.sleep(CROWD_SETTLE_S)
            for visitor in visitors:
                visitor.clear_measurements()
            server.cpu_percent()
            started_at = time.monotonic()
            for number in range(int(RATE_PER_S * DURATION_S)):
                time.sleep(max(0.0, started_at + number / RATE_PER_S - time.monotonic()))
                result = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "120.50", "USD"))
                commissions[result.commission_id] = result.event_ids[0]
            duration_s, cpu = time.monotonic() - started_at, server.cpu_percent()
            time.sleep(CROWD_SETTLE_S)
        finally:
            for visitor in visitors:
                visitor.close()
        delays = [ms for visitor in visitors for ms in read_feed_delays_ms(application, commissions, visitor.seen_ms)]
    refreshes = [ms for visitor in visitors for ms in visitor.refreshes_ms]
    if not delays or not all(visitor.refreshes_ms for visitor in visitors):
        raise TookTooLong("an open page was not refreshed")
    return Crowd(
        pages=PAGES,
        events_per_s=round(len(commissions) / duration_s, 1),
        cpu_percent=round(cpu, 1),
        refresh_ms_p95=round(percentiles(refreshes)["p95"], 1),
        feed_delay_ms_p95=round(percentiles(delays)["p95"], 1),
        seen_per_page=round(len(delays) / len(visitors), 1),
    )


def read_feed_delays_ms(
    application: Application, commissions: dict[str, str], seen_ms: Mapping[str, float]
) -> list[float]:
    """Return the milliseconds from the commit of each notification until `seen_ms`, without those that were not seen.

    `commissions`: commission id → event id. `seen_ms`: commission id → when its message appeared, in ms since the epoch.
    """
    with application.reading() as connection:
        hops = queries.read_hop_times(connection, list(commissions.values()))
    return [
        seen_ms[commission] - hops[event]["persisted"] / 1000
        for commission, event in commissions.items()
        if commission in seen_ms and "persisted" in hops.get(event, {})
    ]
