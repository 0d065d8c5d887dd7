"""Measure the page from outside: with a real browser, on a private embedded stack filled with many events."""

from __future__ import annotations

import base64
import json
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from application import Application
from bench.crowd import (
    CROWD_SETTLE_S,
    PAGES,
    RATE_PER_S,
    Crowd,
    Visitor,
    measure_crowd,
    read_feed_delays_ms,
)
from bench.filled_instance import filled_instance
from dashboard.view_models.database_reader import DatabaseReader
from domain.commands import CalculateCommission
from domain.errors import ExpectedError
from scenarios.percentiles import percentiles
from settings import Settings
from stacks.supervisor import Supervisor

PAINTS = 5
EVENTS = 60
INTERVAL_S = 0.25
IDLE_S = 15.0
SETTLE_S = 25.0
"""Seconds after the last event until every late refresh has happened and the page is idle."""
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")

# Record when each commission first appears in the feed, by the clock of this host.
_WATCH = """() => {
  window.seen = {};
  const look = () => document.querySelectorAll('.st-key-card-feed tr [data-go]').forEach((link) => {
    window.seen[link.dataset.go] ??= Date.now();
  });
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true, attributes: true});
  look();
}"""


# Record when the diagram's counts are first on the screen, and when also the rows and controls are, in milliseconds since the page
# was requested. Polling from outside would notice it up to half a second late.
_PAINTED = """() => {
  const count = %s;
  window.painted = {};
  const note = (name) => requestAnimationFrame(() => setTimeout(() => { window.painted[name] ??= performance.now(); }));
  const shows = (place) => document.querySelector(place)?.textContent.includes(count);
  const look = () => {
    if (shows('#first-sight .diagram') || shows('.st-key-card-flow')) note('first');
    if (!document.querySelector('.st-key-card-database td') || !shows('.st-key-card-flow')) return;
    watching.disconnect();
    note('complete');
  };
  const watching = new MutationObserver(look);
  watching.observe(document, {childList: true, subtree: true, characterData: true});
}"""


class NoBrowser(ExpectedError):
    """Playwright or chromium is missing; `str(error)` says how to install it."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    rows: int
    fill_s: float
    first_paint_ms: float
    """From the request until the diagram with its counts is shown: the slowest of several, including the server's first."""
    whole_page_ms: float
    """From the request until also the rows are shown, by Streamlit's page, which can be used then: the slowest."""
    later_whole_page_ms: float
    """The median of the others: what any visitor but the server's first waits."""
    refresh_ms_p95: float
    """Server time of a refresh with changes: the shared read, and the drawing of one page. No browser runs meanwhile."""
    refresh_in_browser_ms_p95: float
    """The same while a browser on this machine shows the page, until the browser takes the last message of the refresh."""
    idle_cpu_percent: float
    """CPU time of the page's server with one idle page open, in percent of one core."""
    feed_delay_ms_p95: float
    """From the notification's commit until the message is in the browser's feed."""
    rss_mb: float
    crowd: Crowd


def measure_dashboard(rows: int, say: Callable[[str], None]) -> Dashboard:
    """Fill an instance with `rows` events and measure its page. Raises NoBrowser, StartFailed or TookTooLong."""
    playwright = _import_playwright()
    with filled_instance(rows, say) as (settings, fill_s), playwright() as driver:
        browser = driver.chromium.launch(executable_path=_find_chromium(), args=list(CHROMIUM))
        try:
            return _measure(browser, settings, rows, fill_s, say)
        finally:
            browser.close()


def _measure(browser: Any, settings: Settings, rows: int, fill_s: float, say: Callable[[str], None]) -> Dashboard:
    server = psutil.Process(Supervisor(settings).pid("dashboard"))
    say("opening pages")
    paints = [_measure_paint(browser, settings, rows) for _ in range(PAINTS)]
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    refresh_timer = _RefreshTimer(page)
    _open_page(page, settings, rows)
    page.evaluate(_WATCH)
    with Application(settings, pool_size=2) as application:
        say(f"sending {EVENTS} commands")
        refresh_timer.begin()
        reads = _measure_reads(application, lambda: page.wait_for_timeout(INTERVAL_S * 1000))
        shown_ms = refresh_timer.end()
        delays = _measure_feed_delays(page, application, reads.commissions)
    say("an idle page")
    page.wait_for_timeout(SETTLE_S * 1000)
    server.cpu_percent()
    page.wait_for_timeout(IDLE_S * 1000)
    idle_cpu = server.cpu_percent()
    page.close()
    say(f"sending {EVENTS} commands to a page without a browser")
    refresh_ms = measure_refresh(settings)
    say(f"{PAGES} open pages, {RATE_PER_S} events a second")
    crowd = measure_crowd(settings, server)
    return Dashboard(
        rows=rows,
        fill_s=round(fill_s, 1),
        first_paint_ms=round(max(paint.first for paint in paints), 1),
        whole_page_ms=round(max(paint.complete for paint in paints), 1),
        later_whole_page_ms=round(median(paint.complete for paint in paints[1:]), 1),
        refresh_ms_p95=round(refresh_ms, 1),
        refresh_in_browser_ms_p95=round(percentiles(reads.ms)["p95"] + percentiles(shown_ms)["p95"], 1),
        idle_cpu_percent=round(idle_cpu, 1),
        feed_delay_ms_p95=round(percentiles(delays)["p95"], 1),
        rss_mb=round(server.memory_info().rss / 1e6, 1),
        crowd=crowd,
    )


@dataclass(frozen=True, slots=True)
class _Paint:
    """Milliseconds from the request of the page."""

    first: float
    complete: float


def _measure_paint(browser: Any, settings: Settings, rows: int) -> _Paint:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        return _open_page(page, settings, rows)
    finally:
        page.close()


def _open_page(page: Any, settings: Settings, rows: int) -> _Paint:
    """Open the page, and wait until its rows and their count are shown."""
    page.add_init_script(f"({_PAINTED % json.dumps(f'{rows:,}')})()")
    page.goto(f"http://{settings.bind}:{settings.dashboard_port}/?lang=en")
    page.wait_for_function("window.painted?.complete", timeout=60_000)
    return _Paint(**page.evaluate("window.painted"))


@dataclass(slots=True)
class _Reads:
    ms: list[float]
    commissions: dict[str, str]
    """Commission id → event id."""


def _measure_reads(application: Application, pause: Callable[[], None]) -> _Reads:
    """Send commands and, after each, read as the page's server does. This process reads, because it can time itself."""
    reader = DatabaseReader(application)
    reader.step(())
    reads = _Reads([], {})
    for _ in range(EVENTS):
        result = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "120.50", "USD"))
        reads.commissions[result.commission_id] = result.event_ids[0]
        started_at = time.perf_counter()
        reader.step(())
        reads.ms.append((time.perf_counter() - started_at) * 1000)
        pause()
    return reads


def measure_refresh(settings: Settings) -> float:
    """Return the 95th percentile of the read and that of the drawing, added: milliseconds."""
    visitor = Visitor(settings)
    visitor.start()
    try:
        time.sleep(CROWD_SETTLE_S)
        visitor.clear_measurements()
        with Application(settings, pool_size=2) as application:
            reads = _measure_reads(application, lambda: time.sleep(INTERVAL_S))
    finally:
        visitor.close()
    return percentiles(reads.ms)["p95"] + percentiles(visitor.refreshes_ms)["p95"]


def _measure_feed_delays(page: Any, application: Application, commissions: dict[str, str]) -> list[float]:
    page.wait_for_timeout(CROWD_SETTLE_S * 1000)
    return read_feed_delays_ms(application, commissions, page.evaluate("window.seen"))


class _RefreshTimer:
    """Times the refreshes from the first message of each to the last, as the browser takes them."""

    def __init__(self, page: Any) -> None:
        self._durations_ms: list[float] = []
        self._started_at: float | None = None
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.webSocketFrameReceived", self._received)

    def begin(self) -> None:
        self._durations_ms.clear()

    def end(self) -> list[float]:
        return list(self._durations_ms)

    def _received(self, event: Any) -> None:
        message = ForwardMsg()
        message.ParseFromString(base64.b64decode(event["response"]["payloadData"]))
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._started_at = event["timestamp"]
        elif kind == "script_finished" and self._started_at is not None:
            self._durations_ms.append((event["timestamp"] - self._started_at) * 1000)
            self._started_at = None


def _find_chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise NoBrowser("this needs a browser: sudo apt-get install chromium")
    return path


def _import_playwright() -> Any:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser("this drives a browser with playwright: `./alpes test --collect-only` installs it") from None
    _find_chromium()
    return sync_playwright
