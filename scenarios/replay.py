"""Replay every event from the beginning with a new subscription and the same inbox, which must absorb all of them.

Events with an open dead letter are read and counted, but not handled: only a requeue sends them to the worker again.
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
from connectors.broker import Broker, Publisher, Received, Subscription
from connectors.envelope import NamedEvent
from db import queries
from db.engine import READ, connect
from db.errors import translated
from db.hops import HopTime
from db.tables import dead_letter, outbox_event, processed_message
from domain import clock
from domain.message import Message
from scenarios.waiting import TookTooLong, until
from settings import Settings
from workers.inbox import Inbox
from workers.notifications import NotificationsWorker
from workers.observer_store import ObserverStore
from workers.outcome import DeadLetter
from workers.reading import find_event

QUIET_S = 2.0
"""When no message from before the replay has come for this long, the replay has delivered all of them."""
CAUGHT_UP_WITHIN_S = 30.0
"""How long the workers may take to process the events committed before the replay."""


@dataclass(frozen=True, slots=True)
class Preview:
    """How much a replay would read."""

    events: int
    """Distinct published events, as the observer counted them."""
    messages: int
    """Messages on the topics of events; an event published twice has two."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay delivered, and what the inbox absorbed of it."""

    expected: int
    """Distinct events that the observer had counted before the replay."""
    deliveries: int
    distinct_events: int
    new_notifications: int
    """New notifications of events committed before the replay, which should have had one already."""
    duplicates_absorbed: int
    seconds: float

    @property
    def ok(self) -> bool:
        return self.new_notifications == 0 and self.distinct_events >= self.expected


def preview_replay(settings: Settings) -> Preview:
    """Return how much a replay would read. Raises sqlite3.OperationalError while there is no observer's store."""
    store = ObserverStore(settings.observer_store)
    try:
        counts = {count.name: count.messages for count in store.read_topic_counts()}
        messages = sum(counts.get(topic, 0) for topic in settings.topics.carrying_events())
        return Preview(store.read_totals().distinct, messages)
    finally:
        store.close()


def replay(settings: Settings, deadline_s: float = 300) -> Replayed:
    """Replay all events and return what was delivered and absorbed. The subscription is removed afterwards.

    Commands may be sent meanwhile. The replay reads their events too, and may notify them before the worker does. So new
    notifications are counted only for events from before the replay. Raises DatabaseUnavailable or Forbidden.
    """
    require(settings, Action.REPLAY)
    expected = preview_replay(settings).events
    started_us = time.time_ns() // 1000
    engine = connect(settings.worker_url, pool_size=2)
    broker = Broker(settings)
    consumer = f"replay-{uuid.uuid4().hex[:12]}"
    topics = settings.topics.carrying_events()
    inlet = _CountingSubscription(broker, topics, consumer, started_us, engine)
    dead_letters = Publisher(broker, settings.topics.dead_letter)
    inbox = Inbox(engine, consumer)
    worker = _ReplayWorker(inbox, inlet, dead_letters, _IgnoreHops(), threading.Event())
    try:
        _wait_until_notified(engine, started_us)
        started_at = quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET_S and time.monotonic() - started_at < deadline_s:
            count_before = inlet.published_before
            worker.step(0.2)
            if inlet.published_before > count_before or not inlet.connected:
                quiet_since = time.monotonic()
        with translated(), engine.connect().execution_options(**READ) as connection:
            deliveries = queries.count_deliveries_of_consumer(connection, consumer)
            new_notifications = count_applied_before(connection, consumer, started_us)
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
        new_notifications,
        deliveries.duplicate,
        round(time.monotonic() - started_at, 2),
    )


def count_applied_before(connection: Connection, consumer: str, started_us: int) -> int:
    """Count this consumer's notifications of events committed before `started_us`, microseconds since the epoch."""
    query = (
        select(func.count())
        .select_from(processed_message)
        .join(outbox_event, outbox_event.c.id == processed_message.c.event_id)
        .where(processed_message.c.consumer == consumer, processed_message.c.outcome == "applied")
        .where(outbox_event.c.occurred_at < clock.EPOCH + timedelta(microseconds=started_us))
    )
    return connection.scalar(query) or 0


def find_dead_lettered(connection: Connection, event_ids: set[str]) -> set[str]:
    """Return which of these events have an open dead letter: one that was not requeued."""
    query = select(dead_letter.c.event_id).where(
        dead_letter.c.event_id.in_(event_ids), dead_letter.c.requeued_at.is_(None)
    )
    return set(connection.scalars(query)) if event_ids else set()


def _wait_until_notified(engine: Engine, before_us: int) -> None:
    """Wait until the workers have processed the events committed before `before_us`. The replay processes what is left."""

    def everything_is_notified() -> bool:
        with translated(), engine.connect().execution_options(**READ) as connection:
            oldest_us = queries.read_backlog(connection, 0).oldest_not_notified_us
        return oldest_us is None or oldest_us >= before_us

    with suppress(TookTooLong):
        until(everything_is_notified, CAUGHT_UP_WITHIN_S, Message("awaited.replayed"), 0.1)


class _CountingSubscription(Subscription):
    """Counts what it receives. It acknowledges events with an open dead letter itself, so that the worker does not see them."""

    def __init__(self, broker: Broker, topics: Sequence[str], name: str, started_us: int, engine: Engine) -> None:
        super().__init__(broker, topics, name, consumer_type=pulsar.ConsumerType.Exclusive)
        self._started_us = started_us
        self._engine = engine
        self.deliveries = 0
        self.published_before = 0
        """Deliveries of messages published before the replay began."""
        self.event_ids: set[str] = set()

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        batch = super().receive(limit, timeout_s)
        self.deliveries += len(batch)
        self.published_before += sum(1 for message in batch if message.publish_us < self._started_us)
        # Events whose contents cannot be used count too: the observer counts them, and they have dead letters.
        event_of = {message.message_id: find_event(message) for message in batch}
        event_ids = {message_id: event.id for message_id, event in event_of.items() if event is not None}
        self.event_ids.update(event_ids.values())
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            dead_lettered = find_dead_lettered(connection, set(event_ids.values()))
        ignored = [message for message in batch if event_ids.get(message.message_id) in dead_lettered]
        self.acknowledge(ignored)
        return [message for message in batch if message not in ignored]


class _ReplayWorker(NotificationsWorker):
    def _dead_letter_message(
        self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int
    ) -> None:
        """Only acknowledge the message: its event has a dead letter, and a replay adds no second one."""
        self._inlet.acknowledge([message])


class _IgnoreHops:
    """Records no timestamps: a replay does not measure the path of an event."""

    def add(self, passed: HopTime) -> None:
        pass
