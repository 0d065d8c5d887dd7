"""Replay: every event from the beginning, on a fresh subscription, through the same inbox. Nothing may come of it.

Events whose dead letter is open are read and counted, but not handled: sending them again is what a requeue is for.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pulsar
from sqlalchemy import Connection, Engine, func, select

from application.permissions import Action, require
from connectors import envelope
from connectors.broker import Broker, Publisher, Received, Subscription
from connectors.envelope import NamedEvent
from db import queries
from db.engine import READ, connect
from db.errors import translated
from db.hops import Passed
from db.tables import dead_letter, outbox_event, processed_message
from domain import clock
from scenarios.waiting import TookTooLong, until
from settings import Settings
from workers.inbox import Inbox
from workers.notifications import NotificationsWorker
from workers.observer_store import ObserverStore
from workers.outcome import DeadLetter

QUIET_S = 2.0
"""Without a further message of before the replay for this long, everything has come."""
CAUGHT_UP_WITHIN_S = 30.0
"""How long the workers may need for what was committed before the replay began."""


@dataclass(frozen=True, slots=True)
class Preview:
    events: int
    """Distinct events published, as the observer counted."""
    messages: int


@dataclass(frozen=True, slots=True)
class Replayed:
    expected: int
    deliveries: int
    distinct_events: int
    new_notifications: int
    """Of events committed before the replay began: they had their notification, or should have had it."""
    duplicates_absorbed: int
    seconds: float

    @property
    def ok(self) -> bool:
        return self.new_notifications == 0 and self.distinct_events >= self.expected


def preview(settings: Settings) -> Preview:
    """What a replay would read. Raises sqlite3.OperationalError while there is no observer store."""
    store = ObserverStore(settings.observer_store)
    try:
        counts = {count.name: count.messages for count in store.topics()}
        messages = sum(counts.get(topic, 0) for topic in settings.topics.carrying_events())
        return Preview(store.totals().distinct, messages)
    finally:
        store.close()


def replay(settings: Settings, deadline_s: float = 300) -> Replayed:
    """Raises DatabaseUnavailable or Forbidden. The subscription is removed afterwards.

    Commands may go on meanwhile: what they commit after the replay began reaches it as well, and it may be the first to
    notify of it. Only events of before count.
    """
    require(settings, Action.REPLAY)
    expected = preview(settings).events
    began_us = time.time_ns() // 1000
    engine = connect(settings.worker_url, pool_size=2)
    broker = Broker(settings)
    name = f"replay-{uuid.uuid4().hex[:12]}"
    topics = settings.topics.carrying_events()
    inlet = _Counting(broker, topics, name, began_us, engine)
    dead_letters = Publisher(broker, settings.topics.dead_letter)
    inbox = Inbox(engine, name)
    worker = _Replaying(inbox, inlet, dead_letters, _Unmeasured(), threading.Event())
    try:
        _wait_until_notified(engine, began_us)
        began = quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET_S and time.monotonic() - began < deadline_s:
            seen = inlet.of_before
            worker.step(0.2)
            if inlet.of_before > seen or not inlet.connected:
                quiet_since = time.monotonic()
        with translated(), engine.connect().execution_options(**READ) as connection:
            outcome = queries.deliveries_of_consumer(connection, name)
            new = applied_of_before(connection, name, began_us)
        inlet.unsubscribe()
    finally:
        inlet.close()
        dead_letters.close()
        inbox.close()
        engine.dispose()
    return Replayed(
        expected,
        inlet.deliveries,
        len(inlet.event_ids),
        new,
        outcome.duplicate,
        round(time.monotonic() - began, 2),
    )


def applied_of_before(connection: Connection, consumer: str, began_us: int) -> int:
    """Notifications that this consumer made of events committed before a time, microseconds since the epoch."""
    query = (
        select(func.count())
        .select_from(processed_message)
        .join(outbox_event, outbox_event.c.id == processed_message.c.event_id)
        .where(processed_message.c.consumer == consumer, processed_message.c.outcome == "applied")
        .where(outbox_event.c.occurred_at < clock.EPOCH + timedelta(microseconds=began_us))
    )
    return connection.scalar(query) or 0


def dead_lettered_among(connection: Connection, event_ids: set[str]) -> set[str]:
    """Those of the events that have an open dead letter: one that was not requeued."""
    query = select(dead_letter.c.event_id).where(
        dead_letter.c.event_id.in_(event_ids), dead_letter.c.requeued_at.is_(None)
    )
    return set(connection.scalars(query)) if event_ids else set()


def _wait_until_notified(engine: Engine, before_us: int) -> None:
    """Until the workers are through with what was committed before; what they leave is then the replay's finding."""

    def through() -> bool:
        with translated(), engine.connect().execution_options(**READ) as connection:
            oldest_us = queries.backlog(connection, 0).oldest_not_notified_us
        return oldest_us is None or oldest_us >= before_us

    with suppress(TookTooLong):
        until(through, CAUGHT_UP_WITHIN_S, "what was committed before the replay is notified of", 0.1)


class _Counting(Subscription):
    def __init__(self, broker: Broker, topics: Sequence[str], name: str, began_us: int, engine: Engine) -> None:
        super().__init__(broker, topics, name, consumer_type=pulsar.ConsumerType.Exclusive)
        self._began_us = began_us
        self._engine = engine
        self.deliveries = 0
        self.of_before = 0
        """Deliveries of messages published before the replay began."""
        self.event_ids: set[str] = set()

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        batch = super().receive(limit, timeout_s)
        self.deliveries += len(batch)
        self.of_before += sum(1 for message in batch if message.publish_us < self._began_us)
        events = {}
        for message in batch:
            decoded = envelope.decode(message.value)
            if isinstance(decoded, envelope.Inserted):
                events[message.message_id] = decoded.record.id
        self.event_ids.update(events.values())
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            given_up = dead_lettered_among(connection, set(events.values()))
        left = [message for message in batch if events.get(message.message_id) in given_up]
        self.acknowledge(left)
        return [message for message in batch if message not in left]


class _Replaying(NotificationsWorker):
    def _bury(self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int) -> None:
        """It was dead-lettered when it came the first time: a replay adds no second dead letter."""
        self._inlet.acknowledge([message])


class _Unmeasured:
    """A replay is no measurement of an event's way."""

    def add(self, passed: Passed) -> None:
        pass
