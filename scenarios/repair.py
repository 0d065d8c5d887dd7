"""Publish again exactly the events that are committed and missing downstream, and nothing else.

An event is missing when it has neither a notification nor a dead letter although nothing on its path is down and nothing has
changed for a while. That happens when the capture never saw its row, or when the broker lost its message. The message is the one
that the relay publishes, on every stack: workers read it as they read the source's. The inbox absorbs it if the event arrives
after all.

An event that is published again comes after later events of its commission which were delivered meanwhile.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Engine

from application import Application
from application.permissions import Action, require
from connectors.broker import Broker, Publisher
from connectors.relay import Relay
from connectors.sending import Sent
from db import queries
from db.engine import READ, connect
from db.errors import translated
from db.missing import ChosenRows, find_missing
from domain.errors import ExpectedError
from domain.message import Message
from scenarios.reconciliation import DIFFER, Reconciliation, reconcile
from scenarios.waiting import TookTooLong
from settings import Settings
from stacks import health, operation
from stacks.part_health import STALE_S, PartHealth
from workers.observer_store import ObserverStore

SETTLE_S = STALE_S + 2.0
"""An event that has not arrived this long after the last other one arrived is missing. Longer than the age at which a
heartbeat shows a death, so that no component died while the last ones were awaited."""
HEALTHY_WITHIN_S = 30.0
AUDITED_WITHIN_S = 20.0
STANDSTILL_S = 60.0
"""Without progress for this long, the repair gives up."""
PROGRESS_EVERY_S = 2.0
NEEDED = ("database", "broker", "notifications", "observer", "audit")
PROPERTY = "alpes-repair"
"""Property of the messages of a repair; its value is the id of the repair."""

Say = Callable[[str], None]


class NotHealthy(ExpectedError):
    """A component is down, so events that wait for it look as if they were missing."""


@dataclass(frozen=True, slots=True)
class Repaired:
    missing: int
    """Committed events without a notification and without a dead letter."""
    published_again: int
    """Those of them that the observer read from the broker with the mark of this repair."""
    others_published: int
    """Other events that the observer read with this mark."""
    unpublishable: Mapping[int, str]
    """`seq` → why the row cannot be published."""
    out_of_order: int
    """Events of all time that were notified after a later one of their commission, as some of the repaired ones must be."""
    reconciled: bool
    """Whether all sources have the same events with the same contents afterwards, in any order."""
    seconds: float

    @property
    def ok(self) -> bool:
        return self.reconciled and self.published_again == self.missing and not self.others_published


def find_missing_events(settings: Settings, say: Say) -> dict[int, str]:
    """Return `seq` → id of the missing events, in order. Raises NotHealthy or DatabaseUnavailable.

    Events committed after the call are not examined. While others still arrive, it waits.
    """
    engine = connect(settings.database_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            head = queries.outbox_head(connection)
        while True:
            _wait_for_health(settings, engine, say)
            missing = _wait_for_late_events(engine, head, say)
            if not _find_down(settings, engine):  # otherwise a component that died explains what did not arrive
                return missing
    finally:
        engine.dispose()


def _wait_for_late_events(engine: Engine, head: int, say: Say) -> dict[int, str]:
    """Return what is missing when nothing has arrived for a while."""
    missing = _read_missing(engine, head)
    changed_at = told_at = time.monotonic()
    while missing and time.monotonic() - changed_at < SETTLE_S:
        if time.monotonic() - told_at > PROGRESS_EVERY_S:
            say(f"{len(missing)} events have not arrived; waiting until no more arrive")
            told_at = time.monotonic()
        time.sleep(0.5)
        before, missing = missing, _select_still_missing(engine, missing)
        if len(missing) != len(before):
            changed_at = time.monotonic()
    return missing


def repair(settings: Settings, say: Say) -> Repaired:
    """Publish the missing events again, wait until they are notified, and reconcile.

    Raises Forbidden, NotHealthy, Busy while another operation runs, DatabaseUnavailable, BrokerUnavailable, or TookTooLong
    when nothing arrives any more; what was published until then stays published.
    """
    require(settings, Action.REPAIR)
    with operation.alone(settings, "repair", say):
        began = time.monotonic()
        missing = find_missing_events(settings, say)
        engine = connect(settings.database_url, pool_size=2)
        try:
            with closing(ObserverStore(settings.observer_store)) as store:
                observed = _Observed(store)
                refused = _publish(settings, engine, list(missing), observed.mark, say)
                expected = {seq: event_id for seq, event_id in missing.items() if seq not in refused}
                _wait_until_notified(engine, expected, observed, say)
        finally:
            engine.dispose()
        afterwards = _reconcile(settings)
    published = set(expected.values())
    return Repaired(
        len(missing),
        len(observed.event_ids & published),
        len(observed.event_ids - published),
        refused,
        len(afterwards.out_of_order),
        not any(getattr(afterwards, name) for name in DIFFER if name != "out_of_order"),
        round(time.monotonic() - began, 2),
    )


class _MarkingPublisher(Publisher):
    def __init__(self, broker: Broker, topic: str, mark: str) -> None:
        super().__init__(broker, topic)
        self._mark = mark

    def send_async(
        self, value: bytes, key: str | None, properties: Mapping[str, str], on_outcome: Callable[[Sent, str], None]
    ) -> None:
        super().send_async(value, key, {**properties, PROPERTY: self._mark}, on_outcome)


class _Observed:
    """The event ids of the marked messages, as the observer read them from the broker."""

    def __init__(self, store: ObserverStore) -> None:
        self._store = store
        self.mark = uuid.uuid4().hex
        self._read_up_to = store.read_last_n()
        self.event_ids: set[str] = set()

    def read(self) -> None:
        while headers := self._store.read_headers_after(self._read_up_to, 1000):
            self._read_up_to = headers[-1].n
            marked = (header for header in headers if header.properties.get(PROPERTY) == self.mark)
            self.event_ids.update(header.event_id or "" for header in marked)


class _Progress:
    """Says how far a count is every few seconds, and raises TookTooLong when it stands still."""

    def __init__(self, say: Say, total: int, label: str) -> None:
        self._say = say
        self._total = total
        self._label = label
        self._count = -1
        self._changed_at = self._told_at = time.monotonic()

    def note(self, count: int) -> None:
        now = time.monotonic()
        if count != self._count:
            self._count, self._changed_at = count, now
        if now - self._told_at > PROGRESS_EVERY_S:
            self._say(f"{count} of {self._total} {self._label}")
            self._told_at = now
        if now - self._changed_at > STANDSTILL_S:
            raise TookTooLong(Message("repair.standstill", n=count, m=self._total, s=round(STANDSTILL_S)))


def _publish(settings: Settings, engine: Engine, seqs: list[int], mark: str, say: Say) -> dict[int, str]:
    """Publish the rows in the order of `seq` and return those that cannot be published, with the reason."""
    rows = ChosenRows(engine, seqs)
    publisher = _MarkingPublisher(Broker(settings), settings.topics.events, mark)
    stop = threading.Event()
    progress = _Progress(say, len(seqs), "events are published again")

    def wait(seconds: float) -> None:
        progress.note(rows.count_settled())
        if rows.exhausted and relay.idle:
            stop.set()
        stop.wait(seconds)

    relay = Relay(rows, publisher, wait)
    try:
        if seqs:
            relay.run(stop)
        return rows.refused
    finally:
        publisher.close()
        rows.close()


def _wait_until_notified(engine: Engine, expected: Mapping[int, str], observed: _Observed, say: Say) -> None:
    """Wait until the observer has read each event again and the worker has notified or dead-lettered it."""
    progress = _Progress(say, len(expected), "events have arrived")
    waiting = dict(expected)
    arrived = 0
    while arrived < len(expected) or not observed.event_ids.issuperset(expected.values()):
        observed.read()
        waiting = _select_still_missing(engine, waiting)
        arrived = len(expected) - len(waiting)
        progress.note(arrived)
        time.sleep(0.2)
    observed.read()


def _reconcile(settings: Settings) -> Reconciliation:
    """Reconcile until the sources agree, or until the audit file has had time to follow and nothing changes any more."""
    with Application(settings, pool_size=4) as application:
        counts = reconcile(application, settings)
        began = changed_at = time.monotonic()
        while not counts.complete and time.monotonic() < min(changed_at + SETTLE_S, began + AUDITED_WITHIN_S):
            time.sleep(0.5)
            before, counts = counts, reconcile(application, settings)
            if counts != before:
                changed_at = time.monotonic()
        return counts


def _read_missing(engine: Engine, head: int) -> dict[int, str]:
    with translated(), engine.connect().execution_options(**READ) as connection:
        return find_missing(connection, head)


def _select_still_missing(engine: Engine, missing: Mapping[int, str]) -> dict[int, str]:
    """Return those of these events that are still missing. To search the whole outbox at each look would take ever longer."""
    with translated(), engine.connect().execution_options(**READ) as connection:
        unsettled = queries.find_unsettled(connection, list(missing.values()))
    return {seq: event_id for seq, event_id in missing.items() if event_id in unsettled}


def _delivers_nothing(part: PartHealth) -> bool:
    """Return whether a component is down or has no connection now. One that is behind delivers."""
    return part.light == "down" or part.message.code == "health.waits"


def _find_down(settings: Settings, engine: Engine) -> list[PartHealth]:
    needed = {*NEEDED, settings.facts.capture.component}
    return [part for part in health.check(settings, engine) if part.part in needed and _delivers_nothing(part)]


def _wait_for_health(settings: Settings, engine: Engine, say: Say) -> None:
    """Return when every component on the events' path delivers. Raises NotHealthy."""
    ends_at = time.monotonic() + HEALTHY_WITHIN_S
    announced = ""
    while down := _find_down(settings, engine):
        if time.monotonic() > ends_at:
            raise NotHealthy(Message("repair.not_healthy", part=down[0].part, detail=down[0].message))
        if announced != down[0].part:
            say(f"waiting for {down[0].part}: {down[0].detail}")
            announced = down[0].part
        time.sleep(0.5)
