"""What went wrong with each message, across the ends of processes: failed attempts, and deaths.

A process that ends while it handles several messages tells only that one of them may have ended it. So those are handled
one at a time by the next process; ends it at one of them, that one is counted. Counts are kept until the message is done.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from connectors.broker import Received
from db.errors import DatabaseUnavailable
from db.failures import Counts, MessageKey
from settings import Settings
from workers import in_work
from workers.in_work import InWork, key_of
from workers.policy import DEATHS

log = logging.getLogger(__name__)


class Failures(Protocol):
    """Where the counts are kept: db.failures.MessageFailures, or workers.local_failures.LocalFailures."""

    def count_attempt(self, key: MessageKey) -> Counts: ...

    def count_death(self, key: MessageKey) -> Counts: ...

    def forget(self, keys: Collection[MessageKey]) -> None: ...

    def forget_old(self, topics: Collection[str]) -> None: ...

    def load(self, topics: Collection[str]) -> dict[MessageKey, Counts]: ...


class Handling:
    """For one thread. Methods raise db.errors.DatabaseUnavailable where they say so."""

    def __init__(self, failures: Failures, in_work: InWork, topics: Collection[str], blameless: bool = False) -> None:
        """`blameless`: the former process was killed on purpose, so no message is to blame for its end."""
        self._failures = failures
        self._in_work = in_work
        self._topics = topics
        self._suspects = dict.fromkeys(in_work.left.keys, 0)
        """Message that may have ended a process → how many it has ended for certain."""
        self._counted: set[MessageKey] = set()
        """Those with counts to be forgotten once they are done."""
        self._blamed = in_work.left.keys[0] if len(in_work.left.keys) == 1 and not blameless else None
        self._recovered = False

    @property
    def busy(self) -> bool:
        return self._in_work.busy

    def recover(self) -> None:
        """Count the former process's death and learn what is counted already. Once; raises DatabaseUnavailable.

        A death that cannot be counted at the first try is not counted: while the database is away, processes end for
        other reasons than a message.
        """
        if self._recovered:
            return
        blamed, self._blamed = self._blamed, None
        if blamed is not None:
            deaths = self._failures.count_death(blamed).deaths
            log.error("the former process ended while it handled only %s, for the %d. time", blamed.message_id, deaths)
        elif self._suspects:
            log.error("the former process ended while it handled %d messages: one by one now", len(self._suspects))
        self._failures.forget_old(self._topics)
        for key, counts in self._failures.load(self._topics).items():
            self._counted.add(key)
            if counts.deaths:
                self._suspects[key] = counts.deaths
        self._recovered = True

    def groups(self, batch: Sequence[Received]) -> Iterator[list[Received]]:
        """The batch in its order, in work group by group: a message that may end the process is a group of its own."""
        for group in self._split(batch):
            self._in_work.enter(group)
            yield group
            self._in_work.leave()

    def alone(self, message: Received) -> None:
        """This one is in work now, and no other."""
        self._in_work.enter([message])

    def paused(self) -> AbstractContextManager[None]:
        """While what the message depends on is away."""
        return self._in_work.paused()

    def leave(self) -> None:
        """Nothing is in work."""
        self._in_work.leave()

    def fatal(self, message: Received) -> int:
        """How many processes it has ended, if those are too many to try it once more; else 0."""
        deaths = self._suspects.get(key_of(message), 0)
        return deaths if deaths >= DEATHS else 0

    def count_attempt(self, message: Received) -> int:
        """How often it has failed, this time among them. Raises DatabaseUnavailable: then it is not counted."""
        key = key_of(message)
        attempts = self._failures.count_attempt(key).attempts
        self._counted.add(key)
        return attempts

    def settled(self, messages: Iterable[Received]) -> None:
        """These are done; their counts are forgotten."""
        if not self._suspects and not self._counted:
            return
        keys = {key_of(message) for message in messages}
        for key in keys:
            self._suspects.pop(key, None)
        try:
            self._failures.forget(keys & self._counted)
            self._counted -= keys
        except DatabaseUnavailable as error:
            log.info("counts of messages that are done stay for a while: %s", error)

    def buried(self, message: Received) -> None:
        """It is dead-lettered. Its counts stay: if it is delivered again it is not tried again."""
        key = key_of(message)
        if not self._suspects.get(key):
            self._suspects.pop(key, None)

    def close(self) -> None:
        """A polite end: the next process suspects no message."""
        self._in_work.close()

    def _split(self, batch: Sequence[Received]) -> Iterator[list[Received]]:
        if not self._suspects:
            yield list(batch)
            return
        together: list[Received] = []
        for message in batch:
            if key_of(message) not in self._suspects:
                together.append(message)
                continue
            if together:
                yield together
                together = []
            yield [message]
        if together:
            yield together


def of_part(settings: Settings, part: str, failures: Failures, topics: Collection[str]) -> Handling:
    """For the process that is this part."""
    work = in_work.of_part(settings, part)
    blameless = bool(work.left.keys) and in_work.ended_on_purpose(settings, part, work.left)
    return Handling(failures, work, topics, blameless)
