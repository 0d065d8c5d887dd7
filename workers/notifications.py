"""The notifications worker: at least once in, exactly one notification out, each commission's events in order.

It does not use negative acknowledgements: under Key_Shared they come back out of order. What fails is tried again here,
its key held (later events of that commission wait), and after some attempts it is dead-lettered and the key goes on. What
counts as failing, and what as waiting, is decided by `workers.policy`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pulsar
from sqlalchemy.exc import IntegrityError

from application import crash_points
from connectors.broker import Broker, Publisher, Received, Subscription
from connectors.envelope import NamedEvent
from db.engine import connect
from db.error_codes import Kind
from db.errors import DatabaseUnavailable
from db.failures import MessageFailures
from db.hops import HopRecorder
from domain.outbox import OutboxRecord
from settings import Settings
from workers import handling, policy
from workers.consumer import Consumer, Inlet
from workers.dead_letters import Outlet
from workers.handling import Handling
from workers.heartbeat import Heartbeat
from workers.inbox import Effect, Inbox
from workers.injected import Injected
from workers.outcome import Ack, DeadLetter, Retry, Wait
from workers.passage import Measure, measure_passage
from workers.process import run
from workers.reading import event_of, read, record_aside

log = logging.getLogger(__name__)

BATCH = 200


@dataclass(slots=True)
class _Held:
    """A key that is held: its deliveries in order, the first of which failed."""

    waiting: deque[tuple[Received, Effect]] = field(default_factory=deque)
    due: float = 0.0


class NotificationsWorker(Consumer):
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
        handling: Handling | None = None,
        waiting: AbstractContextManager[None] | None = None,
    ) -> None:
        """`check(record)` runs before the effect; whatever it raises makes the delivery fail and be tried again.

        `reached("notifications.committed")` is called between a commit and its acknowledgements.
        """
        super().__init__(inbox, inlet, dead_letters, stop, beat, handling, waiting)
        self._measure = measure
        self._check = check
        self._reached = reached
        self._retry_topic = retry_topic
        self._held: dict[str, _Held] = {}
        self._generation = 0

    @property
    def busy(self) -> bool:
        return super().busy or bool(self._held)

    def step(self, timeout_s: float) -> None:
        """One batch and the held deliveries that are due."""
        batch = self._inlet.receive(BATCH, self._patience(timeout_s))
        if self._inlet.generation != self._generation:
            # A new consumer is given everything unacknowledged again, the held ones among it.
            self._held.clear()
            self._generation = self._inlet.generation
        for group in self._groups(batch):
            self._handle(group)
        self._try_held()

    def _patience(self, timeout_s: float) -> float:
        soonest = min((held.due for held in self._held.values()), default=None)
        return timeout_s if soonest is None else max(0.0, min(timeout_s, soonest - time.monotonic()))

    def _take(self, batch: list[Received]) -> None:
        effects: list[Effect] = []
        skipped: list[Received] = []
        for message in batch:
            deaths = self._handling.fatal(message)
            if deaths:
                self._bury(message, record_aside(message), policy.killed(deaths), deaths)
                continue
            match self._read(message):
                case Effect() as effect:
                    held = self._held.get(effect.record.aggregate_id)
                    if held is not None:
                        held.waiting.append((message, effect))
                    else:
                        effects.append(effect)
                case Ack():
                    skipped.append(message)
                case DeadLetter() as dead:
                    self._bury(message, event_of(message), dead, attempts=1)
        effects = self._checked(effects)
        if effects or skipped:
            self._apply(effects, skipped)

    def _event_of(self, message: Received) -> NamedEvent | None:
        return event_of(message)

    def _read(self, message: Received) -> Effect | Ack | DeadLetter:
        try:
            return read(message)
        except Exception as error:  # a reader that raises does so again
            return DeadLetter("unreadable", policy.describe(error))

    def _checked(self, effects: list[Effect]) -> list[Effect]:
        """Those that pass the check; the others, and the later ones of their keys, are held."""
        passed: list[Effect] = []
        for effect in effects:
            self._beat()
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
        except Exception as error:
            if not effects and len(skipped) == 1:
                raise
            # One row of the batch does not go in, or another worker was quicker with one: find out which.
            log.info("a batch of %d is handled one by one: %s", len(effects) + len(skipped), policy.describe(error))
            self._one_by_one(effects, skipped)
            return
        if new is not None:
            self._done(effects, skipped, new)

    def _one_by_one(self, effects: list[Effect], skipped: list[Received]) -> None:
        for message in skipped:
            self._handling.alone(message)
            self._apply([], [message])
        for effect in effects:
            held = self._held.get(effect.record.aggregate_id)
            if held is not None:
                held.waiting.append((effect.message, effect))
                continue
            outcome = self._attempt(effect)
            if isinstance(outcome, Retry | Wait | DeadLetter):
                self._hold(effect, outcome)

    def _attempt(self, effect: Effect) -> Ack | Wait | Retry | DeadLetter | None:
        """One delivery by itself; None when the worker is stopping."""
        self._handling.alone(effect.message)
        self._beat()
        problem = self._problem(effect)
        if problem is not None:
            return problem
        try:
            new = self._write([effect], [])
        except Exception as error:
            return policy.judge(error)
        if new is None:
            return None
        outcome = Ack("applied" if effect.record.id in new else "duplicate")
        self._done([effect], [], new)
        return outcome

    def _write(self, effects: list[Effect], skipped: list[Received]) -> set[str] | None:
        """Ids of the new events; waits while the database is away, None when told to stop meanwhile."""
        races = losses = 0
        while not self._stop.is_set():
            try:
                with self._waiting:
                    return self._inbox.apply(effects, skipped)
            except DatabaseUnavailable as error:
                if error.kind is Kind.UNKNOWN and self._inbox.answers():
                    raise
                if error.kind is Kind.LOST and self._inbox.answers():
                    losses += 1
                    if losses >= policy.LOSSES:
                        raise DatabaseUnavailable(
                            f"{losses} connections were lost at it: {error}", Kind.UNKNOWN
                        ) from error
                self._wait(str(error))
            except IntegrityError:
                races += 1
                if races > 2:
                    raise
        return None

    def _done(self, effects: list[Effect], skipped: list[Received], new: set[str]) -> None:
        persisted_us = time.time_ns() // 1000
        if effects:
            self._reached("notifications.committed")
        done = [effect.message for effect in effects] + skipped
        self._inlet.acknowledge(done)
        self._handling.settled(done)
        measured = set(new)
        for effect in effects:
            if effect.record.id in measured:
                measured.discard(effect.record.id)  # a second delivery in one batch is a duplicate, not a measurement
                measure_passage(self._measure, effect, persisted_us, self._retry_topic)

    def _problem(self, effect: Effect) -> Wait | Retry | DeadLetter | None:
        try:
            self._check(effect.record)
        except Exception as error:
            return policy.judge(error)
        return None

    def _hold(self, effect: Effect, problem: Wait | Retry | DeadLetter) -> None:
        """Its commission's later events wait behind it, unless it is given up at once."""
        pause_s = self._pause(effect.message, effect.record, problem)
        if pause_s is not None:
            held = self._held.setdefault(effect.record.aggregate_id, _Held())
            held.waiting.appendleft((effect.message, effect))
            held.due = time.monotonic() + pause_s
            log.warning("event %s failed, its commission's events wait: %s", effect.record.id, problem.detail)

    def _try_held(self) -> None:
        for key, held in list(self._held.items()):
            while held.waiting and held.due <= time.monotonic() and not self._stop.is_set():
                message, effect = held.waiting[0]
                outcome = self._attempt(effect)
                if outcome is None:
                    break
                pause_s = None if isinstance(outcome, Ack) else self._pause(message, effect.record, outcome)
                if pause_s is None:
                    held.waiting.popleft()
                else:
                    held.due = time.monotonic() + pause_s
            self._handling.leave()
            if not held.waiting:
                del self._held[key]


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
    read_topics = [*topics.carrying_events(), topics.retry]
    subscription = Subscription(
        broker,
        read_topics,
        settings.subscription,
        consumer_type=_consumer_type(settings),
        consumer_name=consumer,
        numbers_from=_numbers_from(settings, consumer),
    )
    dead_letters = Publisher(broker, topics.dead_letter)
    hops = HopRecorder(engine)
    inbox = Inbox(engine, consumer)
    heart = Heartbeat(settings, consumer)
    work = handling.of_part(settings, consumer, MessageFailures(engine), read_topics)
    worker = NotificationsWorker(
        inbox,
        subscription,
        dead_letters,
        hops,
        stop,
        check=Injected(settings, consumer).check,
        reached=crash_points.of_this_process(settings).reached,
        beat=lambda: heart.beat(subscription.connected, worker.busy),
        retry_topic=topics.retry,
        handling=work,
        waiting=heart.waiting,
    )
    heart.beat(False)  # alive, and not let in yet
    try:
        worker.run()
        work.close()  # only here: an exception that ends the process is the message's doing
    finally:
        subscription.close()
        dead_letters.close()
        hops.close()
        inbox.close()
        engine.dispose()


if __name__ == "__main__":
    run("notifications", main)
