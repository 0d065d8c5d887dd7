"""The interface of an experiment: send commands, inject faults, wait for conditions. Faults are undone at its end."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx

from application import Application
from db import notification_queries, queries, run_rows
from db.errors import DatabaseUnavailable
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from domain.message import Message
from scenarios import load as load_module
from scenarios.api_client import ApiClient
from scenarios.fault_injection import FaultInjection
from scenarios.journal import Journal
from scenarios.load import Load, Pair
from scenarios.model import Sample
from scenarios.routes import (
    InProcess,
    OverHttp,
    Promise,
    ThroughTopic,
    find_broken_promises,
    path_of,
    request_body,
)
from scenarios.waiting import TookTooLong
from settings import Settings
from settings.stack_facts import BrokerKind
from workers.observer_store import ObserverStore

PAIRS_PER_SECOND = 30
"""Pairs of commands, so 60 events, a second: a light load for every stack."""
MAX_BUSY_FACTOR = 3.0
STANDSTILL_S = {BrokerKind.PULSAR_LITE: 8.0, BrokerKind.PULSAR: 20.0}
"""Seconds without any activity, on an idle machine, after which missing events count as lost. A pulsar-lite that is stuck is
restarted after 4 s (`stacks.embedded_healer`), and its clients must connect again."""


def busy_factor() -> float:
    """Return how many times longer than on an idle machine something may take here: 1 to MAX_BUSY_FACTOR.

    It is the number of processes that want to run for each core, over the last minute.
    """
    return min(MAX_BUSY_FACTOR, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


class Standstill:
    """Notice that nothing has happened for a while although no component is down: missing events will not arrive any more.

    Activity of every run and user counts, because a capture that lost its offsets reads their events first. What one wait
    found holds for the next, as long as nothing has happened since.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._standstill_s = STANDSTILL_S[trial.settings.facts.broker]
        self._last_activity = trial.activity_at_standstill
        self._unchanged_since = time.monotonic() if trial.activity_at_standstill is None else float("-inf")

    def reached(self) -> bool:
        """Return whether nothing has happened for long enough. Call it again and again while you wait."""
        trial = self._trial
        activity = trial.activity()
        if activity != self._last_activity or (self._is_late() and trial.down_components()):
            self._last_activity, self._unchanged_since = activity, time.monotonic()
        trial.activity_at_standstill = activity if self._is_late() else None
        return self._is_late()

    def _is_late(self) -> bool:
        return time.monotonic() - self._unchanged_since > self._standstill_s * busy_factor()


class Trial(FaultInjection):
    def __init__(self, settings: Settings, run_id: str, seed: int, journal: Journal) -> None:
        undo = ExitStack()
        application = undo.enter_context(Application(settings, pool_size=4))
        super().__init__(settings, run_id, application, journal, undo)
        self.seed = seed
        self.rng = random.Random(seed)
        self.samples: list[Sample] = []
        self.torn_rows = 0
        """Most rows that a sample saw without the other rows of their transaction."""
        self.figures: dict[str, Any] = {}
        self.promised: list[Promise] = []
        """Commands that the broker acknowledged; the commands worker must process them."""
        self.activity_at_standstill: object = None
        """The activity at which the last wait found a standstill; None when it found none."""
        self.count_beside: Callable[[], tuple[int, int]] | None = None
        """Counts the events that were committed and published without an outbox; set by what runs beside it."""
        self._stream = load_module.CommandStream(seed, run_id)

    # Sending commands.

    def calculate(self) -> CommissionResult:
        """Send the next command of the seeded stream. Raises what `Application.send` raises."""
        return self._send(next(self._stream))

    def approve(self, commission_id: str) -> CommissionResult:
        return self._send(ApproveCommission(commission_id, self.run_id))

    def send_pairs(self, count: int) -> None:
        """Calculate so many commissions and approve each. Raises what `Application.send` raises."""
        for _ in range(count):
            self.approve(self.calculate().commission_id)

    def _send(self, command: Command) -> CommissionResult:
        with self.operations.invoked(InProcess.name, command) as answer:
            result = self.application.send(command)
            answer.acknowledge(result.event_ids)
        return result

    def post(self, api: ApiClient, command: Command) -> httpx.Response:
        """Post a command to the API and return the answer. Raises httpx.TransportError, or AccessRefused."""
        with self.operations.invoked(OverHttp.name, command) as answer:
            response = api.post(path_of(command), request_body(command))
            answer.read(response)
        return response

    def next_command(self) -> CalculateCommission:
        """Return the next command of the seeded stream, for a scenario that sends it by itself."""
        return next(self._stream)

    @property
    def acknowledged(self) -> set[str]:
        """Event ids whose commit was acknowledged to a client."""
        return self.operations.acknowledged_ids()

    @contextmanager
    def load(self, per_second: float = PAIRS_PER_SECOND, *, all_routes: bool = False) -> Iterator[Load]:
        """Send pairs of commands while the `with` block runs; leaving it counts them as the run's.

        With `all_routes`, several clients send them at once: in process, over HTTP, and through the commands topic.
        """
        pairs = self._route_pairs() if all_routes else ()
        running_load = Load(self.application, self._stream, per_second, pairs, self.operations)
        running_load.start()
        self.say("load", Message("load.steady", n=per_second))
        try:
            running_load.wait_for_more(10)
            yield running_load
        finally:
            running_load.stop()
            if running_load.error is not None:
                why = f"{type(running_load.error).__name__}: {running_load.error}"
                self.report_judge_error(Message("judge.load_ended", why=why))
            self.promised += running_load.promised
            self.say("load", _describe_end(running_load))

    def _route_pairs(self) -> list[Pair]:
        in_process = InProcess(self.application)
        http, other_http = (OverHttp(self.settings, self.run_id) for _ in range(2))
        topic, other_topic = (ThroughTopic(self.settings, self.run_id) for _ in range(2))
        return [(in_process, in_process), (http, http), (other_http, topic), (other_topic, None)]

    def broken_promises(self) -> list[Promise]:
        """Return the commands that the broker acknowledged and that have not been processed."""
        with self.application.reading() as connection:
            return find_broken_promises(connection, self.promised)

    def wait_until_promises_are_kept(self, deadline_s: float = 60) -> None:
        """Wait until every command that the broker acknowledged is processed. Raises TookTooLong."""
        standstill = Standstill(self)

        def all_are_kept() -> bool:
            missing = self.broken_promises()
            if missing and standstill.reached():
                raise TookTooLong(Message("waiting.topic_stopped", n=len(missing), m=len(self.promised)))
            return not missing

        self.wait(all_are_kept, deadline_s, Message("awaited.topic_commands", n=len(self.promised)), 0.2)

    def api(self, timeout_s: float = 10) -> ApiClient:
        """Return a client of the instance's API whose commands belong to this run."""
        headers = {"X-Correlation-Id": self.run_id}
        return ApiClient(self.settings, timeout_s=timeout_s, headers=headers, pause=self.pause)

    # Waiting.

    def wait_until_notified(self, event_ids: set[str], deadline_s: float = 30) -> None:
        """Wait until each of these events has a notification, longer on a busy machine. Raises TookTooLong."""
        standstill = Standstill(self)
        missing = set(event_ids)

        def all_are_notified() -> bool:
            with self.application.reading() as connection:
                missing.difference_update(notification_queries.notified_among(connection, missing))
            if missing and standstill.reached():
                progress = self._describe_progress()
                raise TookTooLong(Message("waiting.not_notified", n=len(missing), m=len(event_ids), progress=progress))
            return not missing

        self.wait(all_are_notified, deadline_s * busy_factor(), Message("awaited.notifications", n=len(event_ids)), 0.1)

    def _describe_progress(self) -> Message:
        """Return how many of the run's events the observer has seen and which components are down: where they are stuck."""
        store = ObserverStore(self.settings.observer_store)
        try:
            published = store.count_published_events(self.run_id)
        finally:
            store.close()
        down = self.down_components()
        if down:
            return Message("waiting.progress_down", n=published, parts=down)
        return Message("waiting.progress", n=published)

    def sample(self) -> None:
        """Add one sample, also to the run's records, and look for rows without the others of their transaction.

        Does nothing while the database is unavailable.
        """
        with suppress(DatabaseUnavailable):
            with self.application.reading(consistent=True) as connection:
                torn = (
                    0
                    if self.deletes_rows or run_rows.has_pruned(connection)
                    else run_rows.count_torn(connection, self.run_id)
                )
                self.torn_rows = max(self.torn_rows, torn)
                committed = queries.count_outbox_ids(connection, self.run_id)
                notified = notification_queries.count_notifications(connection, self.run_id)
            store = ObserverStore(self.settings.observer_store)
            try:
                published = store.count_published_events(self.run_id)
            finally:
                store.close()
            beside = self.count_beside() if self.count_beside is not None else None
            sample = Sample(time.time(), committed, published, notified, beside)
            self.samples.append(sample)
            self._journal.sample(sample)

    def close(self) -> None:
        """End every fault that is still active."""
        self._undo.close()


def _describe_end(load: Load) -> Message:
    acknowledged = len(load.sent)
    if load.unacknowledged:
        return Message("load.ends_refused", n=acknowledged, m=load.unacknowledged)
    return Message("load.ends", n=acknowledged)
