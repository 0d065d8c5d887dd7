"""Count, across process restarts, how often each message failed and how often it ended the process.

When a process ends while it handles several messages, any of them may have ended it. The next process handles these messages
one at a time; if it ends too, the message in work is counted. Counts are kept until the message is processed.
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
from workers.policy import MAX_DEATHS

log = logging.getLogger(__name__)


class Failures(Protocol):
    """The store of the counts: db.failures.MessageFailures, or workers.local_failures.LocalFailures."""

    def count_attempt(self, key: MessageKey) -> Counts: ...

    def count_death(self, key: MessageKey) -> Counts: ...

    def forget(self, keys: Collection[MessageKey]) -> None: ...

    def forget_old(self, topics: Collection[str]) -> None: ...

    def load(self, topics: Collection[str]) -> dict[MessageKey, Counts]: ...


class Handling:
    """The messages in work and their counts. Use it in one thread; methods raise DatabaseUnavailable where they say so."""

    def __init__(self, failures: Failures, in_work: InWork, topics: Collection[str], blameless: bool = False) -> None:
        """`blameless`: the previous process was killed on purpose, so no message is to blame."""
        self._failures = failures
        self._in_work = in_work
        self._topics = topics
        self._suspects = dict.fromkeys(in_work.left.keys, 0)
        """Message that may have ended a process → how many processes it ended for certain."""
        self._counted: set[MessageKey] = set()
        """Messages whose counts must be deleted when they are processed."""
        self._blamed = in_work.left.keys[0] if len(in_work.left.keys) == 1 and not blameless else None
        self._recovered = False

    @property
    def busy(self) -> bool:
        return self._in_work.busy

    def recover(self) -> None:
        """Count the death of the previous process and load the counts, at the first call only. Raise DatabaseUnavailable.

        A death that cannot be counted at the first attempt is not counted: while the database is unavailable, processes end
        for other reasons than a message.
        """
        if self._recovered:
            return
        blamed, self._blamed = self._blamed, None
        if blamed is not None:
            deaths = self._failures.count_death(blamed).deaths
            log.error(
                "the previous process ended while it handled only %s; deaths so far: %d", blamed.message_id, deaths
            )
        elif self._suspects:
            log.error(
                "the previous process ended while it handled %d messages; handling them one at a time",
                len(self._suspects),
            )
        self._failures.forget_old(self._topics)
        for key, counts in self._failures.load(self._topics).items():
            self._counted.add(key)
            if counts.deaths:
                self._suspects[key] = counts.deaths
        self._recovered = True

    def groups(self, batch: Sequence[Received]) -> Iterator[list[Received]]:
        """Yield the batch in order, in groups marked as in work; a message that may end the process is a group of its own."""
        for group in self._split(batch):
            self._in_work.enter(group)
            yield group
            self._in_work.leave()

    def enter_alone(self, message: Received) -> None:
        """Mark only this message as in work."""
        self._in_work.enter([message])

    def paused(self) -> AbstractContextManager[None]:
        """Return a context for waits on a dependency: if the process ends in it, no message is to blame."""
        return self._in_work.paused()

    def leave(self) -> None:
        """Mark no message as in work."""
        self._in_work.leave()

    def fatal_deaths(self, message: Received) -> int:
        """Return how many processes the message ended when they are too many for another attempt, else 0."""
        deaths = self._suspects.get(key_of(message), 0)
        return deaths if deaths >= MAX_DEATHS else 0

    def count_attempt(self, message: Received) -> int:
        """Count a failed attempt and return how many there were. Raise DatabaseUnavailable: then it is not counted."""
        key = key_of(message)
        attempts = self._failures.count_attempt(key).attempts
        self._counted.add(key)
        return attempts

    def finish(self, messages: Iterable[Received]) -> None:
        """Delete the counts of messages that were processed."""
        if not self._suspects and not self._counted:
            return
        keys = {key_of(message) for message in messages}
        for key in keys:
            self._suspects.pop(key, None)
        try:
            self._failures.forget(keys & self._counted)
            self._counted -= keys
        except DatabaseUnavailable as error:
            log.info("counts of processed messages could not be deleted yet: %s", error)

    def finish_dead_lettered(self, message: Received) -> None:
        """Keep the counts of a dead-lettered message, so that a redelivery is not tried again."""
        key = key_of(message)
        if not self._suspects.get(key):
            self._suspects.pop(key, None)

    def close(self) -> None:
        """End in order, so that the next process suspects no message."""
        self._in_work.close()

    def _split(self, batch: Sequence[Received]) -> Iterator[list[Received]]:
        if not self._suspects:
            if batch:
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


def open_for_component(settings: Settings, part: str, failures: Failures, topics: Collection[str]) -> Handling:
    """Return the counts and the file of messages in work for this component's process."""
    work = in_work.open_for_component(settings, part)
    blameless = bool(work.left.keys) and in_work.ended_on_purpose(settings, part, work.left)
    return Handling(failures, work, topics, blameless)
