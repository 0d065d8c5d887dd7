"""Measure how long the first event takes after a component was killed: the worker, the capture, the broker, the database."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass

import psutil

from application import Application
from application.components import find_component, worker_names
from application.permissions import Action, require
from bench.outcome import reconcile_when_complete, send_command
from connectors.broker import Broker
from db import notification_queries
from db.errors import DatabaseUnavailable
from scenarios.waiting import until
from settings import Settings
from settings.stack_facts import DatabaseKind
from stacks import faults
from stacks.controls import control
from stacks.restarting import restart_component

INTERVAL_S = 0.02
"""Pause between two commands of the load."""
LOOKS_EVERY_S = 0.005
BEFORE = 50
"""Commands that are notified before a fault."""
HEALTHY_FOR_S = 3.0
"""How long the load continues after all earlier events were notified, before the next fault."""
RECOVERS_WITHIN_S = 120.0
SETTLES_WITHIN_S = 60.0
BUDGETS_S = {"worker": 2.0, "capture": 3.0, "broker": 10.0, "database": 5.0}
"""How long the first event may take, by kind of component."""


@dataclass(frozen=True, slots=True)
class Target:
    """A component to kill. What has no process of its own, a source inside the broker, is restarted by a request instead."""

    kind: str
    """`worker`, `capture`, `broker` or `database`."""
    component: str
    answers: Callable[[], bool] | None = None
    """Whether it answers, for a server."""


@dataclass(frozen=True, slots=True)
class Round:
    answers_s: float | None
    """Seconds from the start of the new process until the server answers; None for a component that is no server."""
    first_s: float
    """Seconds until the first event is notified that was committed after the fault: from the server's first answer, from the start
    of the new process, or from the request to restart."""
    complete_s: float
    """Seconds from the same moment until all events before that one are notified."""


@dataclass(frozen=True, slots=True)
class Recovery:
    kind: str
    component: str
    fault: str
    """`SIGKILL` or `restart`."""
    rounds: list[Round]
    first_p50_s: float
    first_worst_s: float
    budget_s: float
    lost: int
    """Events without a notification a minute after the last round, of those that were committed."""
    duplicate_notifications: int

    @property
    def is_within(self) -> bool:
        return self.first_p50_s <= self.budget_s


def measure_recoveries(settings: Settings, rounds: int, say: Callable[[str], None]) -> list[Recovery]:
    """Kill each component of a running instance `rounds` times under load, one after the other.

    Raises Forbidden, NotRunning, PartUnknown, TookTooLong when a component does not recover within two minutes, or the first error of
    the load.
    """
    require(settings, Action.ISSUE_COMMANDS)
    with Application(settings, pool_size=4) as application:
        return [_measure(application, target, rounds, say) for target in list_targets(application)]


def list_targets(application: Application) -> list[Target]:
    """Return the components to kill, in the order of an event's path backwards."""
    settings = application.settings
    targets = [
        Target("worker", worker_names(settings)[0]),
        Target("capture", settings.facts.capture.component),
        Target("broker", "broker", Broker(settings).reachable),
    ]
    if settings.facts.database is DatabaseKind.MYSQL:
        targets.append(Target("database", "database", lambda: _database_answers(application)))
    return targets


def _measure(application: Application, target: Target, rounds: int, say: Callable[[str], None]) -> Recovery:
    settings, correlation_id = application.settings, str(uuid.uuid4())
    fault = "restart" if find_component(target.component).is_connector else "SIGKILL"
    measured = []
    with _Load(application, correlation_id) as load:
        for number in range(1, rounds + 1):
            say(f"{target.component}: {fault} {number} of {rounds}")
            load.await_notified(BEFORE, HEALTHY_FOR_S)
            measured.append(_measure_round(application, target, load))
    outcome = reconcile_when_complete(application, settings, correlation_id, SETTLES_WITHIN_S)
    first_s = [figures.first_s for figures in measured]
    return Recovery(
        target.kind,
        target.component,
        fault,
        measured,
        round(statistics.median(first_s), 3),
        max(first_s),
        BUDGETS_S[target.kind],
        lost=len(outcome.not_notified),
        duplicate_notifications=len(outcome.doubled),
    )


def _measure_round(application: Application, target: Target, load: _Load) -> Round:
    began_us, gone_us = _restart(application.settings, target)
    answers_s = None
    if target.answers is not None:
        until(target.answers, RECOVERS_WITHIN_S, f"the {target.component} answers", LOOKS_EVERY_S)
        answered_us = _now_us()
        answers_s = _seconds(began_us, answered_us)
        began_us = answered_us
    first_us = _await_first(application, load.correlation_id, gone_us)
    until(
        lambda: _are_notified(application, load.list_committed(first_us)),
        RECOVERS_WITHIN_S,
        "all events from before are notified",
        LOOKS_EVERY_S,
    )
    with application.reading() as connection:
        complete_us = notification_queries.notified_around(connection, load.correlation_id, [first_us])[first_us]
    return Round(answers_s, _seconds(began_us, first_us), _seconds(began_us, complete_us))


def _restart(settings: Settings, target: Target) -> tuple[int, int]:
    """Return when the new process was started, or the restart requested, and a moment when the old one was gone: microseconds."""
    if find_component(target.component).is_connector:
        requested_us = _now_us()
        restart_component(settings, target.component)
        return requested_us, _now_us()
    components = control(settings)
    pid = components.pid(target.component)
    faults.kill(settings, target.component)
    until(lambda: not psutil.pid_exists(pid), RECOVERS_WITHIN_S, f"{target.component} is gone", LOOKS_EVERY_S)
    gone_us = _now_us()
    until(
        lambda: components.pid(target.component) not in (0, pid),
        RECOVERS_WITHIN_S,
        f"{target.component} is started",
        LOOKS_EVERY_S,
    )
    return _now_us(), gone_us


def _await_first(application: Application, correlation_id: str, after_us: int) -> int:
    """Return when the first event was notified that occurred after `after_us`: microseconds. Raises TookTooLong."""
    first_us: list[int] = []

    def is_there() -> bool:
        with contextlib.suppress(DatabaseUnavailable), application.reading() as connection:
            first_us[:] = [notification_queries.first_notified_us(connection, correlation_id, after_us)]
        return any(first_us)

    until(is_there, RECOVERS_WITHIN_S, "an event is notified", LOOKS_EVERY_S)
    return first_us[0]


def _are_notified(application: Application, event_ids: Collection[str]) -> bool:
    with contextlib.suppress(DatabaseUnavailable), application.reading() as connection:
        return notification_queries.notified_among(connection, event_ids) >= set(event_ids)
    return False


def _database_answers(application: Application) -> bool:
    with contextlib.suppress(DatabaseUnavailable), application.reading() as connection:
        return notification_queries.notification_head(connection) >= 0
    return False


class _Load:
    """Sends a command each `INTERVAL_S` from a thread of its own. A command that the database does not accept is not counted."""

    def __init__(self, application: Application, correlation_id: str) -> None:
        self.correlation_id = correlation_id
        self._application = application
        self._committed: list[tuple[int, str]] = []
        """When each command returned, in microseconds since the epoch, and its event."""
        self._failure: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def list_committed(self, until_us: int) -> list[str]:
        """Return the events that were committed by then. Raises the error that ended the load."""
        if self._failure is not None:
            raise self._failure
        return [event_id for at_us, event_id in list(self._committed) if at_us <= until_us]

    def await_notified(self, count: int, for_s: float) -> None:
        """Wait until `count` more events and, after `for_s` seconds, all events of then are notified. Raises TookTooLong."""
        target_count = len(self._committed) + count
        ready_at = time.monotonic() + for_s
        until(
            lambda: len(self.list_committed(_now_us())) >= target_count and time.monotonic() > ready_at,
            RECOVERS_WITHIN_S,
            "commands committed",
        )
        event_ids = self.list_committed(_now_us())
        until(lambda: _are_notified(self._application, event_ids), RECOVERS_WITHIN_S, "all events notified")

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            try:
                event_ids = send_command(self._application, self.correlation_id).event_ids
            except DatabaseUnavailable:
                continue
            except Exception as error:
                self._failure = error
                return
            self._committed += [(_now_us(), event_id) for event_id in event_ids]


def _now_us() -> int:
    return time.time_ns() // 1000


def _seconds(from_us: int, to_us: int) -> float:
    return round((to_us - from_us) / 1e6, 3)
