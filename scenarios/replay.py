"""Replay every event from the beginning with the installed worker and a new subscription: the inbox must absorb all of them.

The program that is installed as the notifications worker, whatever its class, runs once more beside it. What it did is read
from the tables: an inbox row for each delivery, and no further notification. It is killed once, so that it must not
acknowledge what it has not written.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, Engine

from application import crash_points
from application.components import REPLAY, worker_names
from application.permissions import Action, is_allowed, require
from connectors.broker import Broker, BrokerUnavailable, Subscription
from db import queries, replay_queries
from db.engine import READ, connect
from db.errors import translated
from domain import clock
from domain.message import Message
from scenarios.streams import FlagsById
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks.beside import Beside
from workers.consumer_type import choose_consumer_type
from workers.heartbeat import heartbeat_file, read_heartbeat
from workers.observer_store import ObserverStore

QUIET_S = 2.0
"""When everything was delivered and no delivery was recorded for this long, the replay ends."""
STALLED_S = 10.0
"""When something was not delivered and the worker, idle, has recorded nothing for this long, the replay ends too."""
STARTS_WITHIN_S = 30.0
"""Time that the worker has from its start, and from each loss of its connection, until it records its next delivery."""
CAUGHT_UP_WITHIN_S = 30.0
"""How long the workers may take to process the events committed before the replay."""
POLL_EVERY_S = 0.1
CRASH_POINT = "notifications.committed"
"""Where the worker dies: between a commit and its acknowledgements."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preview:
    """How much a replay would read."""

    events: int
    """Distinct published events, as the observer counted them."""
    messages: int
    """Messages on the topics of events; an event published twice has two."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay delivered of the events that were there when it began, and what the inbox absorbed of it."""

    expected: int
    """Distinct events that the observer had counted before the replay, and that had a notification and no open dead letter."""
    deliveries: int
    distinct_events: int
    """How many of those expected were delivered, by the inbox rows of the replay's worker."""
    new_notifications: int
    """Events that have another notification since, or whose delivery the inbox counted as an effect."""
    duplicates_absorbed: int
    seconds: float
    not_notified: int = 0
    """Published events, committed before the replay, with neither a notification nor a dead letter. They are not delivered."""

    @property
    def ok(self) -> bool:
        return self.new_notifications == 0 and self.not_notified == 0 and self.distinct_events >= self.expected


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

    Commands may be sent meanwhile; their events do not count. Raises DatabaseUnavailable, BrokerUnavailable, Forbidden,
    sqlite3.OperationalError while there is no observer's store, and EndedBeside when the worker ends by itself.
    """
    require(settings, Action.REPLAY)
    started_us = time.time_ns() // 1000
    name = f"{REPLAY}-{uuid.uuid4().int % 10**12:012}"
    engine = connect(settings.worker_url, pool_size=2)
    try:
        _wait_until_notified(engine, started_us)
        with closing(ObserverStore(settings.observer_store)) as store, _reading(engine) as connection:
            evidence = Evidence.begin(connection, name, store.read_published_ids(), started_us)
        with closing(evidence):
            return _deliver_again(settings, engine, evidence, deadline_s)
    finally:
        engine.dispose()


def _deliver_again(settings: Settings, engine: Engine, evidence: Evidence, deadline_s: float) -> Replayed:
    """Let the worker of the replay read all events, and return what the tables say afterwards."""
    name, started_at = evidence.consumer, time.monotonic()
    variables = {"ALPES_SUBSCRIPTION": name, "ALPES_WORKERS": "1"}
    with (
        _subscription(settings, name),
        _files(settings, name),
        Beside(settings, worker_names(settings)[0], name, variables, settings.logs / f"{REPLAY}.log") as worker,
    ):
        _watch(settings, engine, evidence, worker, started_at + deadline_s)
    with _reading(engine) as connection:
        evidence.update(connection)
        return evidence.conclude(connection, time.monotonic() - started_at)


PUBLISHED, ABSORBED, DELIVERED, APPLIED, NOTIFIED_AGAIN = 1, 2, 4, 8, 16
"""Flags of an event. ABSORBED: it had its effect before the replay. Only such events get the later flags."""
DELIVERIES_AT_ONCE = 10_000


@dataclass(slots=True)
class Evidence:
    """What the tables say of a replay. Nothing in it is said by the worker's process but its inbox rows. Close it.

    Events are on disk, so that memory does not grow with them.
    """

    consumer: str
    events: FlagsById
    expected: int
    """Number of events that had their effect and were published, so that they must be delivered."""
    not_notified: int
    heads: replay_queries.Heads
    seen_seq: int
    """The number of the last inbox row that was read."""
    deliveries: int = 0
    duplicates: int = 0
    delivered: int = 0
    """How many of those expected were delivered."""

    @classmethod
    def begin(cls, connection: Connection, consumer: str, published: Iterable[str], before_us: int) -> Evidence:
        """Read what is there before the replay; `published` is read first, `before_us` is in microseconds since the epoch."""
        events = FlagsById()
        events.add(published, PUBLISHED)
        unsettled = replay_queries.read_unsettled(connection, clock.EPOCH + timedelta(microseconds=before_us))
        not_notified = sum(1 for event_id in unsettled if events.mark(event_id, 0, PUBLISHED))
        events.add(replay_queries.read_absorbed(connection), ABSORBED)
        heads = replay_queries.read_heads(connection)  # last: a notification before it may be an event's first
        return cls(consumer, events, events.count(PUBLISHED, ABSORBED), not_notified, heads, heads.delivery)

    def close(self) -> None:
        self.events.close()

    @property
    def is_complete(self) -> bool:
        return self.delivered >= self.expected

    def update(self, connection: Connection) -> bool:
        """Read the new inbox rows, and return whether there are any."""
        first_seq = self.seen_seq
        while rows := replay_queries.read_deliveries(connection, self.consumer, self.seen_seq, DELIVERIES_AT_ONCE):
            for row in rows:
                self._count(row)
            self.seen_seq = rows[-1].seq
        return self.seen_seq > first_seq

    def _count(self, row: replay_queries.Delivery) -> None:
        is_delivered = row.outcome in ("duplicate", "applied")
        flags = self.events.mark(row.event_id, DELIVERED if is_delivered else 0, ABSORBED)
        if not flags:
            return  # it was committed or notified after the beginning
        self.deliveries += 1
        self.duplicates += row.outcome == "duplicate"
        if is_delivered and flags & PUBLISHED and not flags & DELIVERED:
            self.delivered += 1
        if row.outcome == "applied":
            self.events.mark(row.event_id, APPLIED, ABSORBED)

    def conclude(self, connection: Connection, seconds: float) -> Replayed:
        """Compare the notifications with those before the replay."""
        for event_id in replay_queries.read_notified_after(connection, self.heads.notification):
            self.events.mark(event_id, NOTIFIED_AGAIN, ABSORBED)
        return Replayed(
            self.expected,
            self.deliveries,
            self.delivered,
            self.events.count(APPLIED | NOTIFIED_AGAIN),
            self.duplicates,
            round(seconds, 2),
            self.not_notified,
        )


def _watch(settings: Settings, engine: Engine, evidence: Evidence, worker: Beside, deadline: float) -> None:
    """Read the evidence until nothing more comes, and interrupt the worker once."""
    is_armed = _arm(settings, evidence.consumer)
    was_interrupted = False
    patience_s, quiet_since = STARTS_WITHIN_S, time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - quiet_since < patience_s:
        time.sleep(POLL_EVERY_S)
        with _reading(engine) as connection:
            has_new = evidence.update(connection)
        has_ended = worker.exit_code() is not None  # before the next line: it may reach the point at any moment
        died_as_told = is_armed and crash_points.read_hit(settings, evidence.consumer, CRASH_POINT) is not None
        if not was_interrupted and (died_as_told or (has_new and not evidence.is_complete)):
            was_interrupted = True
            log.info("killing the worker of the replay once")
            worker.kill()
            heartbeat_file(settings, evidence.consumer).unlink(missing_ok=True)
            worker.start()
            patience_s, quiet_since = STARTS_WITHIN_S, time.monotonic()
            continue
        if has_ended:
            raise worker.ended()
        if has_new:
            quiet_since = time.monotonic()
        beat = read_heartbeat(settings, evidence.consumer)
        if beat is not None and beat.connected:
            patience_s = QUIET_S if evidence.is_complete else STALLED_S
            if beat.busy:
                quiet_since = time.monotonic()
        else:
            patience_s = STARTS_WITHIN_S


def _arm(settings: Settings, name: str) -> bool:
    """Arm the crash point that exposes a worker which acknowledges before it writes. Return whether this is allowed here."""
    token = settings.control_token.get_secret_value()
    if not token or not is_allowed(settings, Action.INJECT_FAULTS):
        return False
    crash_points.arm(settings, name, CRASH_POINT, token)
    return True


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    with translated(), engine.connect().execution_options(**READ) as connection:
        yield connection


@contextmanager
def _subscription(settings: Settings, name: str) -> Iterator[None]:
    """Remove the subscription of the replay's worker in the end. Raises BrokerUnavailable, unless there is another error."""
    topics = settings.topics.carrying_events()
    kind = choose_consumer_type(settings.model_copy(update={"workers": 1}))
    subscription = Subscription(Broker(settings), topics, name, consumer_type=kind)
    try:
        yield
    except BaseException:
        with suppress(BrokerUnavailable):
            subscription.unsubscribe(within_s=0)
        raise
    subscription.unsubscribe()


@contextmanager
def _files(settings: Settings, name: str) -> Iterator[None]:
    """Remove in the end what the replay's worker wrote below `run`."""
    try:
        yield
    finally:
        for folder in ("heartbeat", "metrics", "in-work", "crash"):
            for path in (settings.run / folder).glob(f"{name}*"):
                with suppress(OSError):
                    path.unlink()


def _wait_until_notified(engine: Engine, before_us: int) -> None:
    """Wait until the workers have processed the events committed before `before_us`, or for `CAUGHT_UP_WITHIN_S`."""

    def everything_is_notified() -> bool:
        with _reading(engine) as connection:
            oldest_us = queries.read_backlog(connection, 0).oldest_not_notified_us
        return oldest_us is None or oldest_us >= before_us

    with suppress(TookTooLong):
        until(everything_is_notified, CAUGHT_UP_WITHIN_S, Message("awaited.replayed"), 0.1)
