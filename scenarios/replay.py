"""Replay: every event from the beginning, on a fresh subscription, through the same inbox. Nothing may come of it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pulsar

from application.permissions import Action, require
from connectors import envelope
from connectors.broker import Broker, Publisher, Received, Subscription
from connectors.envelope import NamedEvent
from db import queries
from db.engine import READ, connect
from db.errors import translated
from db.hops import Passed
from settings import Settings
from workers.inbox import Inbox
from workers.notifications import NotificationsWorker
from workers.observer_store import ObserverStore
from workers.outcome import DeadLetter

QUIET_S = 2.0
"""Without a further message for this long, everything has come."""


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
    """Raises DatabaseUnavailable or Forbidden. The subscription is removed afterwards."""
    require(settings, Action.REPLAY)
    expected = preview(settings).events
    engine = connect(settings.worker_url, pool_size=2)
    broker = Broker(settings)
    name = f"replay-{uuid.uuid4().hex[:12]}"
    topics = settings.topics.carrying_events()
    inlet = _Counting(broker, topics, name)
    dead_letters = Publisher(broker, settings.topics.dead_letter)
    inbox = Inbox(engine, name)
    worker = _Replaying(inbox, inlet, dead_letters, _Unmeasured(), threading.Event())
    began = quiet_since = time.monotonic()
    try:
        while time.monotonic() - quiet_since < QUIET_S and time.monotonic() - began < deadline_s:
            seen = inlet.deliveries
            worker.step(0.2)
            if inlet.deliveries > seen or not inlet.connected:
                quiet_since = time.monotonic()
        with translated(), engine.connect().execution_options(**READ) as connection:
            outcome = queries.deliveries_of_consumer(connection, name)
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
        outcome.applied,
        outcome.duplicate,
        round(time.monotonic() - began, 2),
    )


class _Counting(Subscription):
    def __init__(self, broker: Broker, topics: Sequence[str], name: str) -> None:
        super().__init__(broker, topics, name, consumer_type=pulsar.ConsumerType.Exclusive)
        self.deliveries = 0
        self.event_ids: set[str] = set()

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        batch = super().receive(limit, timeout_s)
        self.deliveries += len(batch)
        for message in batch:
            decoded = envelope.decode(message.value)
            if isinstance(decoded, envelope.Inserted):
                self.event_ids.add(decoded.record.id)
        return batch


class _Replaying(NotificationsWorker):
    def _bury(self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int) -> None:
        """It was dead-lettered when it came the first time: a replay adds no second dead letter."""
        self._inlet.acknowledge([message])


class _Unmeasured:
    """A replay is no measurement of an event's way."""

    def add(self, passed: Passed) -> None:
        pass
