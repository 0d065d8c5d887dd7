"""What the page costs, measured from outside: a real browser on a private embedded stack filled with many events."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from application import Application
from bench.crowd import LATE_S, PAGES, RATE_PER_S, Crowd, crowded, late
from bench.filling import fill
from dashboard.view_models.database_reader import DatabaseReader
from db import notification_queries
from domain.commands import CalculateCommission
from scenarios.api_client import page_client
from scenarios.percentiles import percentiles
from scenarios.waiting import until
from settings import Settings
from stacks import instance
from stacks.processes import free_port
from stacks.supervisor import Supervisor

PAINTS = 5
EVENTS = 60
APART_S = 0.25
IDLE_S = 15.0
SETTLE_S = 25.0
"""After the last event everything that came late has come, and the page is idle."""
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")

# Notes, by the clock of this host, when each commission is first seen in the feed.
_WATCH = """() => {
  window.seen = {};
  const look = () => document.querySelectorAll('.st-key-card-feed tr [data-go]').forEach((link) => {
    window.seen[link.dataset.go] ??= Date.now();
  });
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true, attributes: true});
  look();
}"""


# Notes when the counts and the rows are first on the screen, in milliseconds since the page was asked for. Whoever asks from
# outside learns it up to half a second late.
_PAINTED = """() => {
  const count = %s;
  const look = () => {
    const flow = document.querySelector('.st-key-card-flow');
    if (!document.querySelector('.st-key-card-database td') || !flow?.textContent.includes(count)) return;
    watching.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
  };
  const watching = new MutationObserver(look);
  watching.observe(document, {childList: true, subtree: true, characterData: true});
}"""


class NoBrowser(Exception):
    """There is no playwright or no chromium; `str(error)` says how to get it."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    rows: int
    fill_s: float
    first_paint_ms: float
    """From the request until counts and rows are shown: the slowest of several, the server's first included."""
    refresh_ms_p95: float
    """Server time of a refresh in which something changed: the shared read, and what one page draws of it."""
    unchanged_ms_p95: float
    """The same where nothing changed: the page asks, is told so, and draws nothing."""
    idle_cpu_percent: float
    """Of one core, by the page's server, with one idle page open."""
    feed_delay_ms_p95: float
    """From the notification's commit until the message is in the browser's feed."""
    rss_mb: float
    crowd: Crowd


def dashboard(rows: int, say: Callable[[str], None]) -> Dashboard:
    """Raises NoBrowser, StartFailed or TookTooLong."""
    playwright = _playwright()
    with _filled(rows, say) as (settings, fill_s), playwright() as driver:
        browser = driver.chromium.launch(executable_path=_chromium(), args=list(CHROMIUM))
        try:
            return _measure(browser, settings, rows, fill_s, say)
        finally:
            browser.close()


def _measure(browser: Any, settings: Settings, rows: int, fill_s: float, say: Callable[[str], None]) -> Dashboard:
    server = psutil.Process(Supervisor(settings).pid("dashboard"))
    say("opening pages")
    paints = [_paint(browser, settings, rows) for _ in range(PAINTS)]
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    ticks = _Ticks(page)
    _open(page, settings, rows)
    page.evaluate(_WATCH)
    with Application(settings, pool_size=2) as application:
        say(f"sending {EVENTS} commands")
        ticks.begin()
        reads = _reads(application, lambda: page.wait_for_timeout(APART_S * 1000))
        changed = ticks.end()
        delays = _delays(page, application, reads.commissions)
    say("an idle page")
    page.wait_for_timeout(SETTLE_S * 1000)
    server.cpu_percent()
    page.wait_for_timeout(IDLE_S * 1000)
    idle = server.cpu_percent()
    unchanged = _asked(settings)
    page.close()
    say(f"{PAGES} open pages, {RATE_PER_S} events a second")
    crowd = crowded(settings, server)
    return Dashboard(
        rows=rows,
        fill_s=round(fill_s, 1),
        first_paint_ms=round(max(paints), 1),
        refresh_ms_p95=round(percentiles(reads.ms)["p95"] + percentiles(changed)["p95"], 1),
        unchanged_ms_p95=round(percentiles(unchanged)["p95"], 1),
        idle_cpu_percent=round(idle, 1),
        feed_delay_ms_p95=round(percentiles(delays)["p95"], 1),
        rss_mb=round(server.memory_info().rss / 1e6, 1),
        crowd=crowd,
    )


def _paint(browser: Any, settings: Settings, rows: int) -> float:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        return _open(page, settings, rows)
    finally:
        page.close()


def _open(page: Any, settings: Settings, rows: int) -> float:
    """Milliseconds until the rows and the count of all of them are there."""
    page.add_init_script(f"({_PAINTED % json.dumps(f'{rows:,}')})()")
    page.goto(f"http://{settings.bind}:{settings.dashboard_port}/?lang=en")
    page.wait_for_function("window.painted", timeout=60_000)
    return float(page.evaluate("window.painted"))


@dataclass(slots=True)
class _Reads:
    ms: list[float]
    commissions: dict[str, str]
    """Commission id → event id."""


def _reads(application: Application, pause: Callable[[], None]) -> _Reads:
    """Send commands, and after each read as the page's server does; in this process, for its own cannot be watched."""
    reader = DatabaseReader(application)
    reader.step(())
    found = _Reads([], {})
    for _ in range(EVENTS):
        result = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "120.50", "USD"))
        found.commissions[result.commission_id] = result.event_ids[0]
        began = time.perf_counter()
        reader.step(())
        found.ms.append((time.perf_counter() - began) * 1000)
        pause()
    return found


def _asked(settings: Settings) -> list[float]:
    """Milliseconds of each question whether anything changed."""
    found = []
    with page_client(settings) as client:
        for _ in range(EVENTS):
            began = time.perf_counter()
            client.get("/pulse").raise_for_status()
            found.append((time.perf_counter() - began) * 1000)
    return found


def _delays(page: Any, application: Application, commissions: dict[str, str]) -> list[float]:
    page.wait_for_timeout(LATE_S * 1000)
    return late(application, commissions, page.evaluate("window.seen"))


class _Ticks:
    """How long the server takes for a refresh: from its first message of one to its last, as the browser got them."""

    def __init__(self, page: Any) -> None:
        self._found: list[float] = []
        self._began: float | None = None
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.webSocketFrameReceived", self._received)

    def begin(self) -> None:
        self._found.clear()

    def end(self) -> list[float]:
        return list(self._found)

    def _received(self, event: Any) -> None:
        message = ForwardMsg()
        message.ParseFromString(base64.b64decode(event["response"]["payloadData"]))
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._began = event["timestamp"]
        elif kind == "script_finished" and self._began is not None:
            self._found.append((event["timestamp"] - self._began) * 1000)
            self._began = None


@contextmanager
def _filled(rows: int, say: Callable[[str], None]) -> Iterator[tuple[Settings, float]]:
    with TemporaryDirectory(prefix="alpes-bench-", ignore_cleanup_errors=True) as folder:
        ports: dict[str, Any] = {name: free_port() for name in ("api_port", "broker_port", "dashboard_port")}
        ports["owner_pid"] = os.getpid()
        settings = instance.resolve("embedded", Path(folder), without=(), **ports)
        say(f"filling {rows:,} events")
        took = fill(settings, rows)
        started = instance.up("embedded", Path(folder), lambda _: None, deadline_s=300, without=(), **ports)
        try:
            with Application(started.settings, pool_size=1) as application:
                until(lambda: _whole(application, rows), 60, "the filled rows")
            yield started.settings, took
        finally:
            instance.down(started.settings, lambda _: None)


def _whole(application: Application, rows: int) -> bool:
    with application.reading() as connection:
        return notification_queries.notification_head(connection) == rows


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise NoBrowser("this needs a browser: sudo apt-get install chromium")
    return found


def _playwright() -> Any:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser("this drives a browser with playwright: `./alpes test --collect-only` installs it") from None
    _chromium()
    return sync_playwright
