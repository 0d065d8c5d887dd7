"""Listen to what the system says of itself: status, page, API and metrics, each asked again and again by a thread."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from application import Application
from scenarios.api_client import ApiClient
from scenarios.matrix.model import API, METRICS, PAGE, STATUS, Cell
from settings import Settings
from stacks import health
from stacks.probes import ANSWERS_WITHIN_S
from stacks.status import status
from stacks.waiting_events import LATE_AFTER_S

ASK_EVERY_S = 0.3
SCRAPES_WITHIN_S = 3.0
OK, BEHIND, DOWN = "ok", "behind", "down"
STAGES = {"notification": "notifications"}
"""Stage of `alpes_lag_seconds` → component, where the names differ; `capture` depends on the stack."""
SAMPLE = re.compile(
    r'^(alpes_up|alpes_lag_seconds|alpes_database_up)(?:\{(?:part|stage)="([^"]+)"\})? (\S+)$', re.MULTILINE
)

Lights = Mapping[str, str]
Span = tuple[float, float]
"""Begin and end of a time, in seconds of the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one source said at a time: component → ok, behind or down."""

    at: float
    """When it was asked, in seconds of the monotonic clock: an answer that comes late says what was true then."""
    answered_at: float
    source: str
    lights: Lights


class Listener:
    """The threads that ask all sources, and what they were told."""

    def __init__(self, settings: Settings, application: Application) -> None:
        self._settings = settings
        self._application = application
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._reports: list[Report] = []
        self.error: BaseException | None = None
        """An error of a thread: the judge's own."""
        asks: dict[str, Callable[[], Lights]] = {
            STATUS: self._ask_status,
            PAGE: self._ask_page,
            API: self._ask_api,
            METRICS: self._ask_metrics,
        }
        self._threads = [
            threading.Thread(target=self._listen, args=(source, ask), name=f"ask {source}", daemon=True)
            for source, ask in asks.items()
        ]
        self._api = ApiClient(settings, timeout_s=ANSWERS_WITHIN_S)
        self._scrapes = ApiClient(settings, timeout_s=SCRAPES_WITHIN_S)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(4 * ANSWERS_WITHIN_S)
        self._api.close()
        self._scrapes.close()

    def reports(self, since: float = 0.0) -> list[Report]:
        """Return what was asked since a time of the monotonic clock, in the order of the answers."""
        with self._guard:
            return [report for report in self._reports if report.at >= since]

    def all_healthy(self, since: float) -> bool:
        """Return whether each source was asked since a time, and called everything healthy in its last answer."""
        last = self.last_reports(since)
        return len(last) == len(self._threads) and not any(wrong_lights(report) for report in last)

    def last_reports(self, since: float) -> tuple[Report, ...]:
        """Return the last answer of each source that was asked since a time."""
        return tuple({report.source: report for report in self.reports(since)}.values())

    def _listen(self, source: str, ask: Callable[[], Lights]) -> None:
        try:
            while not self._stop.is_set():
                at = time.monotonic()
                lights = ask()
                with self._guard:
                    self._reports.append(Report(at, time.monotonic(), source, lights))
                self._stop.wait(ASK_EVERY_S)
        except BaseException as error:
            self.error = error

    def _ask_status(self) -> Lights:
        return {part.name: part.light for part in status(self._settings).parts}

    def _ask_page(self) -> Lights:
        """What the page's reader of health asks (`dashboard.view_models.refresher`)."""
        return {row.part: row.light for row in health.check(self._settings, self._application.engine)}

    def _ask_api(self) -> Lights:
        try:
            answer = self._api.get("/ready")
        except httpx.TransportError:
            return {"api": DOWN}
        refuses = {"api": BEHIND, "database": BEHIND}
        return {"api": OK, "database": OK} if answer.is_success else refuses

    def _ask_metrics(self) -> Lights:
        try:
            answer = self._scrapes.get("/metrics")
        except httpx.TransportError:
            return {"api": DOWN}
        if not answer.is_success:
            return {"api": BEHIND}
        return read_metrics(answer.text, self._settings.facts.capture.component)


def read_metrics(text: str, capture: str) -> dict[str, str]:
    """Return what an exposition says of the components."""
    lights = {"api": OK}
    for name, label, value in SAMPLE.findall(text):
        if name == "alpes_up" and float(value) == 0:
            lights[label] = BEHIND  # it may lack a connection only
        elif name == "alpes_database_up" and float(value) == 0:
            lights |= {"api": BEHIND, "database": BEHIND}
        elif name == "alpes_lag_seconds" and float(value) > LATE_AFTER_S:
            part = capture if label == "capture" else STAGES.get(label, label)
            lights[part] = BEHIND
    return lights


def wrong_lights(report: Report) -> dict[str, str]:
    """Return the components that a report calls unhealthy."""
    return {part: light for part, light in report.lights.items() if light != OK}


@dataclass(frozen=True, slots=True)
class Truth:
    """What the sources said of one fault."""

    said_after_s: Mapping[str, float | None]
    """Source → seconds from the fault's start until it called the component unhealthy, and did so to its end; None: it did not."""
    false_alarms: tuple[Report, ...]
    """Answers that called something else down, or anything unhealthy before the fault."""

    @property
    def truth_s(self) -> float | None:
        """Seconds until the last of the sources said so; None if one did not."""
        times = list(self.said_after_s.values())
        if None in times:
            return None
        return round(max(time_s for time_s in times if time_s is not None), 2)


def find_late_spans(passages: Iterable[tuple[int, int]]) -> list[Span]:
    """Return the spans in which an event had been on its way for more than LATE_AFTER_S seconds.

    A passage is when an event occurred, and when it was notified: microseconds since the epoch. The spans are of the monotonic clock.
    """
    ahead_s = time.time() - time.monotonic()
    spans = (
        (occurred_us / 1e6 - ahead_s + LATE_AFTER_S, notified_us / 1e6 - ahead_s)
        for occurred_us, notified_us in passages
    )
    return [(late_from, late_to) for late_from, late_to in spans if late_from <= late_to]


def judge(
    cell: Cell,
    reports: list[Report],
    began_at: float,
    ended_at: float,
    replaced: Collection[str] = (),
    late_spans: Collection[Span] = (),
) -> Truth:
    """Judge the reports of a cell. Times are of the monotonic clock; `began_at` and `ended_at` are the fault's.

    A component that was `replaced` by another process meanwhile, such as a broker that a healer restarted, really was down. One
    that was called behind within a span of `late_spans` really was: on a machine with other work, an event is late without a fault.
    """
    really_down = {cell.unhealthy_part, *cell.inside, *replaced}
    said_after_s: dict[str, float | None] = dict.fromkeys(cell.sources)
    false_alarms: list[Report] = []
    for report in reports:
        wrong = wrong_lights(report)
        if report.answered_at < began_at:
            was_late = any(
                late_from <= report.answered_at and report.at <= late_to for late_from, late_to in late_spans
            )
            if DOWN in wrong.values() or (wrong and not was_late):
                false_alarms.append(report)
            continue
        if any(light == DOWN and part not in really_down for part, light in wrong.items()):
            false_alarms.append(report)
        if report.source not in said_after_s or report.answered_at > ended_at:
            continue
        if cell.unhealthy_part not in wrong:
            said_after_s[report.source] = None
        elif said_after_s[report.source] is None:
            said_after_s[report.source] = round(report.answered_at - began_at, 2)
    return Truth(said_after_s, tuple(false_alarms))
