"""Run the notifications worker: it receives at least once, notifies once, and keeps the order of each commission's events.

It does not use negative acknowledgements, because Key_Shared redelivers them out of order. The worker itself retries a failed
event and holds its key, so that later events of the commission wait. After `policy.MAX_ATTEMPTS` the event is dead-lettered
and its key continues. `workers.policy` decides what is a failure and what is a wait.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy.exc import IntegrityError

from application import crash_points
from connectors.broker import Broker, Publisher, Received, Subscription
from connectors.envelope import NamedEvent
from db.engine import connect
from db.error_codes import Kind
from db.errors import DatabaseUnavailable
from domain.outbox import OutboxRecord
from settings import Settings
from workers import handling, policy
from workers.consumer import Consumer, Inlet
from workers.consumer_type import choose_consumer_type, first_consumer_number
from workers.dead_letters import Outlet
from workers.gathering import GatheringInlet
from workers.handling import Handling
from workers.heartbeat import Heartbeat
from workers.held_key import HeldKey, time_until_due
from workers.inbox import Effect, Inbox
from workers.injected import InjectedFaults
from workers.outcome import Ack, DeadLetter, Retry, Wait
from workers.passage import Measure, measure_passages
from workers.process import run
from workers.reading import decode_in_subprocess, find_event, interpret
from workers.replaying import choose_role

log = logging.getLogger(__name__)

BATCH = 200


class NotificationsWorker(Consumer):
    def __init__(
        self,
        inbox: Inbox,
        inlet: Inlet,
        dead_letters: Outlet | None,
        measure: Measure,
        stop: threading.Event,
        check: Callable[[OutboxRecord], None] = lambda record: None,
        beat: Callable[[], None] = lambda: None,
        reached: Callable[[str], None] = lambda point: None,
        retry_topic: str = "",
        handling: Handling | None = None,
        waiting: AbstractContextManager[None] | None = None,
    ) -> None:
        """`check(record)` runs before the effect; an exception there makes the delivery fail, and it is retried.

        `reached(point)` is called between a commit and its acknowledgements, and before each retry of a held event.
        """
        super().__init__(inbox, inlet, dead_letters, stop, beat, handling, waiting)
        self._measure = measure
        self._check = check
        self._reached = reached
        self._retry_topic = retry_topic
        self._held: dict[str, HeldKey] = {}
        self._generation = 0

    @property
    def busy(self) -> bool:
        return super().busy or bool(self._held)

    def step(self, timeout_s: float) -> None:
        """Process one batch, and the held deliveries that are due."""
        batch = self._inlet.receive(BATCH, time_until_due(self._held.values(), timeout_s))
        if self._inlet.generation != self._generation:
            # A new consumer receives every unacknowledged message again, the held ones too.
            self._held.clear()
            self._generation = self._inlet.generation
        for group in self._groups(batch):
            self._handle(group)
        self._retry_held()

    def _take(self, batch: list[Received]) -> None:
        effects: list[Effect] = []
        skipped: list[Received] = []
        for message in batch:
            self._beat()
            if deaths := self._handling.fatal_deaths(message):
                self._settle_fatal(message, deaths)
                continue
            match interpret(message):
                case Effect() as effect:
                    held = self._held.get(effect.record.aggregate_id)
                    if held is not None:
                        held.waiting.append((message, effect))
                    else:
                        effects.append(effect)
                case Ack():
                    skipped.append(message)
                case DeadLetter() as dead:
                    self._dead_letter_message(message, find_event(message), dead, attempts=1)
        effects = self._hold_failing(effects)
        if effects or skipped:
            self._apply(effects, skipped)

    def _settle_fatal(self, message: Received, deaths: int) -> None:
        """Dead-letter a message that ended its worker too often, or acknowledge it if its effect was committed before."""
        event = decode_in_subprocess(message)
        if event is not None and self._inbox.has_effect(event.id):
            log.warning("event %s ended its worker %d times after its notification was committed", event.id, deaths)
            self._inlet.acknowledge([message])
            self._handling.finish([message])
        else:
            self._dead_letter_message(message, event, policy.give_up_after_deaths(deaths), deaths)

    def _event_of(self, message: Received) -> NamedEvent | None:
        return find_event(message)

    def _hold_failing(self, effects: list[Effect]) -> list[Effect]:
        """Return the effects that pass the check. Hold the others and the later ones of their keys."""
        passed: list[Effect] = []
        for effect in effects:
            self._beat()
            held = self._held.get(effect.record.aggregate_id)
            if held is not None:
                held.waiting.append((effect.message, effect))
                continue
            problem = self._find_problem(effect)
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
            # One row of the batch cannot be inserted, or another worker inserted it first: find out which.
            log.info("processing a batch of %d one at a time: %s", len(effects) + len(skipped), policy.describe(error))
            self._apply_one_by_one(effects, skipped)
            return
        if new is not None:
            self._finish(effects, skipped, new)

    def _apply_one_by_one(self, effects: list[Effect], skipped: list[Received]) -> None:
        for message in skipped:
            self._handling.enter_alone(message)
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
        """Process one delivery alone and return its outcome; None when the worker is stopping."""
        self._handling.enter_alone(effect.message)
        self._beat()
        problem = self._find_problem(effect)
        if problem is not None:
            return problem
        try:
            new = self._write([effect], [])
        except Exception as error:
            return policy.judge(error)
        if new is None:
            return None
        outcome = Ack("applied" if effect.record.id in new else "duplicate")
        self._finish([effect], [], new)
        return outcome

    def _write(self, effects: list[Effect], skipped: list[Received]) -> set[str] | None:
        """Write the effects and return the ids of the new events. Wait while the database is unavailable; None on a stop."""
        races = losses = 0
        while not self._stop.is_set():
            try:
                with self._waiting:
                    return self._inbox.apply(effects, skipped)
            except DatabaseUnavailable as error:
                if error.kind is Kind.UNKNOWN and self._inbox.answers():
                    raise
                if policy.is_connection_lost(error) and self._inbox.answers():
                    losses += 1
                    if losses >= policy.MAX_CONNECTION_LOSSES:
                        raise DatabaseUnavailable(
                            f"the connection was lost {losses} times during this write: {error}", Kind.UNKNOWN
                        ) from error
                self._wait(str(error))
            except IntegrityError:
                races += 1
                if races > 2:
                    raise
        return None

    def _finish(self, effects: list[Effect], skipped: list[Received], new: set[str]) -> None:
        persisted_us = time.time_ns() // 1000
        if effects:
            self._reached("notifications.committed")
        messages = [effect.message for effect in effects] + skipped
        self._inlet.acknowledge(messages)
        self._handling.finish(messages)
        # A second delivery in one batch is a duplicate, not a measurement.
        measured = {effect.record.id: effect for effect in reversed(effects) if effect.record.id in new}
        if measured:
            measure_passages(self._measure, [*reversed(measured.values())], persisted_us, self._retry_topic)

    def _find_problem(self, effect: Effect) -> Wait | Retry | DeadLetter | None:
        try:
            self._check(effect.record)
        except Exception as error:
            return policy.judge(error)
        return None

    def _hold(self, effect: Effect, problem: Wait | Retry | DeadLetter) -> None:
        """Hold the key of a failed effect, so that later events wait, unless the event is dead-lettered at once."""
        pause_s = self._pause(effect.message, effect.record, problem)
        if pause_s is not None:
            held = self._held.setdefault(effect.record.aggregate_id, HeldKey())
            held.waiting.appendleft((effect.message, effect))
            held.due = time.monotonic() + pause_s
            log.warning("event %s failed, later events of its commission wait: %s", effect.record.id, problem.detail)

    def _retry_held(self) -> None:
        for key, held in list(self._held.items()):
            while held.waiting and held.due <= time.monotonic() and not self._stop.is_set():
                message, effect = held.waiting[0]
                self._reached("notifications.retrying")
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


def main(settings: Settings, stop: threading.Event) -> None:
    broker = Broker(settings)
    engine = connect(settings.worker_url)
    consumer = os.environ.get("ALPES_PART", "notifications")
    role = choose_role(settings, consumer, engine)
    subscription = Subscription(
        broker,
        role.topics,
        settings.subscription,
        consumer_type=choose_consumer_type(settings),
        consumer_name=consumer,
        numbers_from=first_consumer_number(settings, consumer),
    )
    dead_letters = Publisher(broker, settings.topics.dead_letter)
    inbox = Inbox(engine, consumer)
    heart = Heartbeat(settings, consumer)
    work = handling.open_for_component(settings, consumer, role.failures, role.topics)
    worker = NotificationsWorker(
        inbox,
        role.narrow(settings, consumer, GatheringInlet(subscription, stop.wait)),
        dead_letters if role.keeps_dead_letters else None,
        role.hops,
        stop,
        check=InjectedFaults(settings, consumer).apply,
        reached=crash_points.of_this_process(settings).reached,
        beat=lambda: heart.beat(subscription.connected, worker.busy),
        retry_topic=settings.topics.retry,
        handling=work,
        waiting=heart.waiting,
    )
    heart.beat(False)  # the process runs, but is not connected yet
    try:
        worker.run()
        work.close()  # not in `finally`: when an exception ends the process, the message in work is the suspect
    finally:
        subscription.close()
        dead_letters.close()
        role.hops.close()
        inbox.close()
        engine.dispose()


if __name__ == "__main__":
    run("notifications", main)
