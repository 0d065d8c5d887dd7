"""The notifications worker: at least once in, exactly one notification out, each commission's events in order.

It does not use negative acknowledgements: under Key_Shared they come back out of order. What fails is tried again here,
its key held (later events of that commission wait), and after `ATTEMPTS` it is dead-lettered and the key goes on.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

import pulsar
from sqlalchemy.exc import DBAPIError, IntegrityError

from application import crash_points
from connectors import envelope
from connectors.broker import Broker, BrokerUnavailable, Publisher, Received, Subscription
from connectors.envelope import Inserted, NamedEvent, Skipped, Unreadable
from db.engine import connect
from db.errors import DatabaseUnavailable
from db.hops import HopRecorder, Passed
from domain import contract
from domain.outbox import KNOWN_EVENTS, OutboxRecord
from settings import Settings
from workers.heartbeat import Heartbeat
from workers.inbox import Effect, Inbox
from workers.injected import Injected
from workers.outcome import Ack, DeadLetter, Outcome, Retry
from workers.passage import told
from workers.process import run

log = logging.getLogger(__name__)

BATCH = 200
ATTEMPTS = 5
BACKOFF_S = (0.05, 0.1, 0.2, 0.4)
DATABASE_AGAIN_S = 0.2


class Inlet(Protocol):
    """Where deliveries come from: a Subscription, or a list in a test."""

    generation: int

    def receive(self, limit: int, timeout_s: float) -> list[Received]: ...

    def acknowledge(self, batch: Sequence[Received]) -> None: ...


class Outlet(Protocol):
    def send(self, value: bytes, key: str | None = None, properties: dict[str, str] | None = None) -> str: ...


class Measure(Protocol):
    def add(self, passed: Passed) -> None: ...


@dataclass(slots=True)
class _Held:
    """A key that is held: its deliveries in order, the first of which failed."""

    waiting: deque[tuple[Received, Effect]] = field(default_factory=deque)
    attempts: int = 0
    due: float = 0.0


class NotificationsWorker:
    def __init__(
        self,
        inbox: Inbox,
        inlet: Inlet,
        dead_letters: Outlet,
        measure: Measure,
        stop: threading.Event,
        check: Callable[[OutboxRecord], None] = lambda record: None,
        beat: Callable[[], None] = lambda: None,
        reached: Callable[[str], None] = lambda point: None,
        retry_topic: str = "",
    ) -> None:
        """`check(record)` runs before the effect; whatever it raises makes the delivery fail and be tried again.

        `reached("notifications.committed")` is called between a commit and its acknowledgements.
        """
        self._inbox = inbox
        self._inlet = inlet
        self._dead_letters = dead_letters
        self._measure = measure
        self._stop = stop
        self._check = check
        self._beat = beat
        self._reached = reached
        self._retry_topic = retry_topic
        self._held: dict[str, _Held] = {}
        self._generation = 0

    def run(self) -> None:
        while not self._stop.is_set():
            self.step(0.5)
            self._beat()

    def step(self, timeout_s: float) -> None:
        """One batch and the held deliveries that are due."""
        batch = self._inlet.receive(BATCH, self._patience(timeout_s))
        if self._inlet.generation != self._generation:
            # A new consumer is given everything unacknowledged again, the held ones among it.
            self._held.clear()
            self._generation = self._inlet.generation
        if batch:
            self._take(batch)
        self._try_held()

    def _patience(self, timeout_s: float) -> float:
        soonest = min((held.due for held in self._held.values()), default=None)
        return timeout_s if soonest is None else max(0.0, min(timeout_s, soonest - time.monotonic()))

    def _take(self, batch: list[Received]) -> None:
        effects: list[Effect] = []
        skipped: list[Received] = []
        for message in batch:
            match read(message):
                case Effect() as effect:
                    held = self._held.get(effect.record.aggregate_id)
                    if held is not None:
                        held.waiting.append((message, effect))
                    else:
                        effects.append(effect)
                case Ack():
                    skipped.append(message)
                case DeadLetter() as dead:
                    self._bury(message, _record(message), dead, attempts=1)
        effects = self._checked(effects)
        if effects or skipped:
            self._apply(effects, skipped)

    def _checked(self, effects: list[Effect]) -> list[Effect]:
        """Those that pass the check; the others, and the later ones of their keys, are held."""
        passed: list[Effect] = []
        for effect in effects:
            held = self._held.get(effect.record.aggregate_id)
            if held is not None:
                held.waiting.append((effect.message, effect))
                continue
            problem = self._problem(effect)
            if problem is None:
                passed.append(effect)
            else:
                self._hold(effect, problem)
        return passed

    def _apply(self, effects: list[Effect], skipped: list[Received]) -> None:
        try:
            new = self._write(effects, skipped)
        except DBAPIError:
            # One row of the batch does not go in, or another worker was quicker with one: find out which.
            self._one_by_one(effects, skipped)
            return
        if new is not None:
            self._done(effects, skipped, new)

    def _one_by_one(self, effects: list[Effect], skipped: list[Received]) -> None:
        if skipped:
            self._apply([], skipped)
        for effect in effects:
            held = self._held.get(effect.record.aggregate_id)
            if held is not None:
                held.waiting.append((effect.message, effect))
                continue
            match self._attempt(effect):
                case Retry() as retry:
                    self._hold(effect, retry.detail)
                case Ack() | DeadLetter() | None:
                    pass

    def _attempt(self, effect: Effect) -> Outcome | None:
        """One delivery by itself; None when the worker is stopping."""
        problem = self._problem(effect)
        if problem is not None:
            return Retry(problem)
        try:
            new = self._write([effect], [])
        except DBAPIError as error:
            return Retry(f"{type(error).__name__}: {error.orig}")
        if new is None:
            return None
        self._done([effect], [], new)
        return Ack("applied" if new else "duplicate")

    def _write(self, effects: list[Effect], skipped: list[Received]) -> set[str] | None:
        """Ids of the new events; waits while the database is away, None when told to stop meanwhile."""
        races = 0
        while not self._stop.is_set():
            try:
                return self._inbox.apply(effects, skipped)
            except DatabaseUnavailable as error:
                log.warning("waiting for the database: %s", error)
                self._beat()
                self._stop.wait(DATABASE_AGAIN_S)
            except IntegrityError:
                races += 1
                if races > 2:
                    raise
        return None

    def _done(self, effects: list[Effect], skipped: list[Received], new: set[str]) -> None:
        persisted_us = time.time_ns() // 1000
        if effects:
            self._reached("notifications.committed")
        self._inlet.acknowledge([effect.message for effect in effects] + skipped)
        for effect in effects:
            if effect.record.id in new:
                new.discard(effect.record.id)  # a second delivery in the same batch is a duplicate, not a measurement
                self._measured(effect, persisted_us)

    def _measured(self, effect: Effect, persisted_us: int) -> None:
        event_id, message = effect.record.id, effect.message
        self._measure.add(Passed(event_id, "captured", effect.captured_us, "capture"))
        if message.topic != self._retry_topic:  # else it is when it was sent again, not when capture published it
            self._measure.add(Passed(event_id, "published", message.publish_us, "producer"))
        self._measure.add(Passed(event_id, "received", message.received_us, "host"))
        self._measure.add(Passed(event_id, "persisted", persisted_us, "host"))
        told(effect, persisted_us)

    def _problem(self, effect: Effect) -> str | None:
        try:
            self._check(effect.record)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    def _hold(self, effect: Effect, detail: str) -> None:
        held = self._held.setdefault(effect.record.aggregate_id, _Held())
        held.waiting.appendleft((effect.message, effect))
        held.attempts = 1
        held.due = time.monotonic() + BACKOFF_S[0]
        log.warning("event %s failed, its commission's events wait: %s", effect.record.id, detail)

    def _try_held(self) -> None:
        for key, held in list(self._held.items()):
            while held.waiting and held.due <= time.monotonic() and not self._stop.is_set():
                message, effect = held.waiting[0]
                match self._attempt(effect):
                    case Ack():
                        held.waiting.popleft()
                        held.attempts = 0
                    case Retry(detail):
                        held.attempts += 1
                        if held.attempts >= ATTEMPTS:
                            dead = DeadLetter("failed_too_often", f"{held.attempts} attempts; the last: {detail}")
                            self._bury(message, effect.record, dead, held.attempts)
                            held.waiting.popleft()
                            held.attempts = 0
                        else:
                            held.due = time.monotonic() + BACKOFF_S[min(held.attempts, len(BACKOFF_S)) - 1]
                    case DeadLetter() | None:
                        return
                    case other:
                        assert_never(other)
            if not held.waiting:
                del self._held[key]

    def _bury(self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int) -> None:
        """To the dead-letter topic, then its row, then acknowledged: killed between, it is buried again, never lost."""
        properties = {
            **message.properties,
            "alpes-reason": dead.reason,
            "alpes-detail": dead.detail[:500],
            "alpes-topic": message.topic,
            "alpes-message-id": message.message_id,
        }
        while not self._stop.is_set():
            try:
                self._dead_letters.send(message.value, message.key, properties)
                self._inbox.bury(message, record, dead.reason, dead.detail, attempts)
            except (BrokerUnavailable, DatabaseUnavailable) as error:
                log.warning("waiting to dead-letter %s: %s", message.message_id, error)
                self._stop.wait(DATABASE_AGAIN_S)
                continue
            log.warning("dead-lettered %s: %s: %s", message.message_id, dead.reason, dead.detail)
            self._inlet.acknowledge([message])
            return


def read(message: Received) -> Effect | Ack | DeadLetter:
    """What a message asks for."""
    match envelope.decode(message.value):
        case Inserted(record=record, captured_us=captured_us):
            problem = _unknown(record)
            return Effect(message, record, captured_us) if problem is None else problem
        case Skipped():
            return Ack("skipped")
        case Unreadable(reason=reason, detail=detail):
            return DeadLetter(reason, detail)
        case other:
            assert_never(other)


def _record(message: Received) -> NamedEvent | None:
    """The event that a message tells of, whether it is understood or not: its dead letter names it."""
    match envelope.decode(message.value):
        case Inserted(record=record):
            return record
        case Unreadable(event=event):
            return event
        case Skipped():
            return None
        case other:
            assert_never(other)


def _unknown(record: OutboxRecord) -> DeadLetter | None:
    version = KNOWN_EVENTS.get(record.type)
    if version is None:
        return DeadLetter("unknown_event", f"no event {record.type!a} is known")
    if version != record.version:
        return DeadLetter("unknown_version", f"{record.type} version {record.version}; understood is {version}")
    try:
        payload = contract.read_payload(record.payload)
    except contract.ContractError as error:
        return DeadLetter("bad_payload", f"the payload breaks the contract: {error}")
    if not isinstance(payload, dict) or payload.get("commissionId") != record.aggregate_id:
        return DeadLetter("bad_payload", "the payload is not an object that names its commission")
    return None


def _numbers_from(settings: Settings, consumer: str) -> int:
    """A range of consumer numbers for each worker, where the broker needs that: one a topic, one for all, some spare."""
    number = consumer.rpartition("-")[2]
    return 8 * (int(number) - 1) if settings.stack == "embedded" and number.isdigit() else 0


def _consumer_type(settings: Settings) -> pulsar.ConsumerType:
    """Key_Shared, so that several workers keep each commission's order.

    `pulsar-lite` 0.2.0 may hold back what a killed Key_Shared consumer had; where one worker is alone on it, it is alone.
    """
    alone = settings.stack == "embedded" and settings.workers == 1
    return pulsar.ConsumerType.Exclusive if alone else pulsar.ConsumerType.KeyShared


def main(settings: Settings, stop: threading.Event) -> None:
    broker = Broker(settings)
    engine = connect(settings.worker_url)
    consumer = os.environ.get("ALPES_PART", "notifications")
    topics = settings.topics
    subscription = Subscription(
        broker,
        [*topics.carrying_events(), topics.retry],
        settings.subscription,
        consumer_type=_consumer_type(settings),
        consumer_name=consumer,
        numbers_from=_numbers_from(settings, consumer),
    )
    dead_letters = Publisher(broker, topics.dead_letter)
    hops = HopRecorder(engine)
    inbox = Inbox(engine, consumer)
    heart = Heartbeat(settings, consumer)
    worker = NotificationsWorker(
        inbox,
        subscription,
        dead_letters,
        hops,
        stop,
        check=Injected(settings, consumer).check,
        reached=crash_points.of_this_process(settings).reached,
        beat=lambda: heart.beat(subscription.connected),
        retry_topic=topics.retry,
    )
    heart.beat(False)  # alive, and not let in yet
    try:
        worker.run()
    finally:
        subscription.close()
        dead_letters.close()
        hops.close()
        inbox.close()
        engine.dispose()


if __name__ == "__main__":
    run("notifications", main)
