"""Provide the base class of the consumers: their loop, and the same policy for messages that cannot be processed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from connectors.broker import Received
from connectors.envelope import NamedEvent
from db.errors import DatabaseUnavailable
from workers import policy
from workers.dead_letters import DeadLetters, Outlet
from workers.handling import Handling
from workers.in_work import InWork
from workers.inbox import Inbox
from workers.local_failures import LocalFailures
from workers.outcome import DeadLetter, Retry, Wait

log = logging.getLogger(__name__)


class Inlet(Protocol):
    """The source of deliveries: a Subscription, or a list in a test."""

    @property
    def generation(self) -> int: ...

    def receive(self, limit: int, timeout_s: float) -> list[Received]: ...

    def acknowledge(self, batch: Sequence[Received]) -> None: ...

    def drop(self) -> None: ...


class Consumer:
    """A worker's loop. Subclasses process a group of messages in `_take`; an exception there counts as the messages' failure."""

    def __init__(
        self,
        inbox: Inbox,
        inlet: Inlet,
        dead_letters: Outlet | None,
        stop: threading.Event,
        beat: Callable[[], None] = lambda: None,
        handling: Handling | None = None,
        waiting: AbstractContextManager[None] | None = None,
    ) -> None:
        """`beat` is called once for each message; `waiting` is entered while the database or the broker is asked.

        Without `dead_letters` what would become one is only acknowledged.
        """
        self._inbox = inbox
        self._inlet = inlet
        self._dead_letters = DeadLetters(inbox, dead_letters, stop, self._wait) if dead_letters is not None else None
        self._stop = stop
        self._beat = beat
        self._handling = handling or Handling(LocalFailures(), InWork(), ())
        self._waiting = waiting or nullcontext()

    @property
    def busy(self) -> bool:
        """Whether a message is being processed."""
        return self._handling.busy

    def run(self) -> None:
        """Process messages until the worker is told to stop. No exception ends the loop."""
        while not self._stop.is_set():
            try:
                self.step(0.5)
            except Exception:
                # No message is known to be at fault. A new client receives every unacknowledged message again.
                log.exception("unexpected error: the worker reconnects and receives the unacknowledged messages again")
                self._inlet.drop()
                self._stop.wait(policy.RECHECK_S)
            self._beat()

    def step(self, timeout_s: float) -> None:
        """Process one batch; wait for it up to `timeout_s`."""
        raise NotImplementedError

    def _take(self, group: list[Received]) -> None:
        """Process a group. Each message is then acknowledged, held or dead-lettered, or untouched when the worker stops."""
        raise NotImplementedError

    def _event_of(self, message: Received) -> NamedEvent | None:
        """Return the event that a message's dead letter names. Raise nothing."""
        return None

    def _groups(self, batch: list[Received]) -> Iterator[list[Received]]:
        """Yield the batch in order, in groups marked as in work, after recovering from the previous process; none when stopping."""
        if batch and self._recover():
            yield from self._handling.groups(batch)

    def _recover(self) -> bool:
        while not self._stop.is_set():
            try:
                self._handling.recover()
                return True
            except DatabaseUnavailable as error:
                self._wait(str(error))
        return False

    def _handle(self, group: list[Received]) -> None:
        try:
            self._take(group)
        except Exception:
            log.exception("%d messages failed together; processing them one at a time", len(group))
            for message in group:
                self._handle_alone(message)

    def _handle_alone(self, message: Received) -> None:
        while not self._stop.is_set():
            self._handling.enter_alone(message)
            try:
                self._take([message])
                return
            except Exception as error:
                pause_s = self._pause(message, self._event_of(message), policy.judge(error))
            if pause_s is None:
                return
            self._pause_for(pause_s)

    def _pause(self, message: Received, record: NamedEvent | None, problem: Wait | Retry | DeadLetter) -> float | None:
        """Return the seconds to wait before a retry; None when the message was dead-lettered instead."""
        match problem:
            case Wait():
                return policy.RECHECK_S
            case DeadLetter():
                self._dead_letter_message(message, record, problem, 1)
                return None
            case Retry(detail):
                try:
                    attempts = self._handling.count_attempt(message)
                except DatabaseUnavailable:
                    return policy.RECHECK_S  # while the database is unavailable, no message is to blame
                if attempts < policy.MAX_ATTEMPTS:
                    return policy.backoff_s(attempts)
                self._dead_letter_message(message, record, policy.give_up_after_attempts(attempts, detail), attempts)
                return None

    def _dead_letter_message(
        self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int
    ) -> None:
        """Dead-letter a message, then acknowledge it: after a crash in between, the redelivery completes it."""
        with self._waiting:
            is_stored = self._dead_letters is None or self._dead_letters.store_and_publish(
                message, record, dead, attempts
            )
        if is_stored:
            self._inlet.acknowledge([message])
            self._handling.finish_dead_lettered(message)

    def _wait(self, why: str) -> None:
        """Pause for an unavailable dependency: no message is to blame, and the heartbeat continues."""
        log.warning("waiting for a dependency: %s", why)
        self._pause_for(policy.RECHECK_S)

    def _pause_for(self, seconds: float) -> None:
        self._beat()
        with self._handling.paused():
            self._stop.wait(seconds)
