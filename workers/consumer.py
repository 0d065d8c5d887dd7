"""What every consumer of a subscription does: the loop, and the one policy for a message that cannot be processed."""

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
    """Where deliveries come from: a Subscription, or a list in a test."""

    generation: int

    def receive(self, limit: int, timeout_s: float) -> list[Received]: ...

    def acknowledge(self, batch: Sequence[Received]) -> None: ...

    def drop(self) -> None: ...


class Consumer:
    """Subclasses say in `_take` what becomes of a group of messages; whatever it raises is the messages' failure."""

    def __init__(
        self,
        inbox: Inbox,
        inlet: Inlet,
        dead_letters: Outlet,
        stop: threading.Event,
        beat: Callable[[], None] = lambda: None,
        handling: Handling | None = None,
        waiting: AbstractContextManager[None] | None = None,
    ) -> None:
        """`beat` is called once for each message; `waiting` is entered while the database or the broker is asked."""
        self._inbox = inbox
        self._inlet = inlet
        self._dead_letters = DeadLetters(inbox, dead_letters, stop, self._wait)
        self._stop = stop
        self._beat = beat
        self._handling = handling or Handling(LocalFailures(), InWork(), ())
        self._waiting = waiting or nullcontext()

    @property
    def busy(self) -> bool:
        """Whether a message is in hand."""
        return self._handling.busy

    def run(self) -> None:
        """Until the worker is told to stop. An exception never ends it."""
        while not self._stop.is_set():
            try:
                self.step(0.5)
            except Exception:
                # No message is known to be at fault. A new client is given everything again that is not acknowledged.
                log.exception("the worker begins again with what is not acknowledged")
                self._inlet.drop()
                self._stop.wait(policy.AGAIN_S)
            self._beat()

    def step(self, timeout_s: float) -> None:
        """One batch, waited for up to `timeout_s`."""
        raise NotImplementedError

    def _take(self, group: list[Received]) -> None:
        """Each of the group ends acknowledged, held, dead-lettered, or, when the worker stops, as it was."""
        raise NotImplementedError

    def _event_of(self, message: Received) -> NamedEvent | None:
        """The event that a message's dead letter names. Raises nothing."""
        return None

    def _groups(self, batch: list[Received]) -> Iterator[list[Received]]:
        """The batch in its order and in work, once it is known what the former process left; none when stopping."""
        if batch and self._recovered():
            yield from self._handling.groups(batch)

    def _recovered(self) -> bool:
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
            log.exception("%d messages cannot be handled together: one by one now", len(group))
            for message in group:
                self._handle_alone(message)

    def _handle_alone(self, message: Received) -> None:
        while not self._stop.is_set():
            self._handling.alone(message)
            try:
                self._take([message])
                return
            except Exception as error:
                pause_s = self._pause(message, self._event_of(message), policy.judge(error))
            if pause_s is None:
                return
            self._pause_for(pause_s)

    def _pause(self, message: Received, record: NamedEvent | None, problem: Wait | Retry | DeadLetter) -> float | None:
        """Seconds until the message is tried again; None when it was dead-lettered instead."""
        match problem:
            case Wait():
                return policy.AGAIN_S
            case DeadLetter():
                self._bury(message, record, problem, 1)
                return None
            case Retry(detail):
                try:
                    attempts = self._handling.count_attempt(message)
                except DatabaseUnavailable:
                    return policy.AGAIN_S  # while the database is away nothing is the message's fault
                if attempts < policy.ATTEMPTS:
                    return policy.pause_s(attempts)
                self._bury(message, record, policy.exhausted(attempts, detail), attempts)
                return None

    def _bury(self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int) -> None:
        """To the dead letters, then acknowledged: killed between, it is completed when it comes again, never lost."""
        with self._waiting:
            buried = self._dead_letters.bury(message, record, dead, attempts)
        if buried:
            self._inlet.acknowledge([message])
            self._handling.buried(message)

    def _wait(self, why: str) -> None:
        """A little, for what is away: no message is to blame for it, and to wait is a sign of life."""
        log.warning("waiting: %s", why)
        self._pause_for(policy.AGAIN_S)

    def _pause_for(self, seconds: float) -> None:
        self._beat()
        with self._handling.paused():
            self._stop.wait(seconds)
