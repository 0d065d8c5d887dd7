"""One slow read, made by a thread for all pages while somebody looks: a page takes what was found last and never waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

WATCHED_S = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """Version 0: nothing was read yet. With a problem, the value is the last that could be read."""

    version: int = 0
    value: T | None = None
    problem: str | None = None


class Background(Generic[T]):
    """Its thread starts with the first look and reads every `every_s` seconds, as long as a page looked lately."""

    def __init__(self, name: str, read: Callable[[], T], every_s: float) -> None:
        self._name, self._read, self._every_s = name, read, every_s
        self._state: Look[T] = Look()
        self._looked = 0.0
        self._wake = threading.Event()
        self._first = threading.Event()
        self._lock = threading.Lock()
        self._started = self._closed = False

    def look(self, first_within_s: float = 0.0) -> Look[T]:
        """What was found last; only the very first look may wait so long for it."""
        slept = time.monotonic() - self._looked > WATCHED_S
        self._looked = time.monotonic()
        with self._lock:
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name=f"background-{self._name}", daemon=True).start()
        if slept:
            self._wake.set()
        if first_within_s and not self._state.version:
            self._first.wait(first_within_s)
        return self._state

    def again(self) -> None:
        """Something was changed: read now, not at the next turn."""
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def step(self) -> None:
        """One read; what fails is told in the state."""
        before = self._state
        try:
            found = Look(before.version, self._read(), None)
        except Exception as error:
            # Whatever it is: the page says it in words, the log has where it came from.
            log.info("%s could not be read", self._name, exc_info=True)
            found = Look(before.version, before.value, str(error) or type(error).__name__)
        if found != before or not before.version:
            self._state = Look(before.version + 1, found.value, found.problem)
        self._first.set()

    def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            self.step()
            if time.monotonic() - self._looked > WATCHED_S:
                self._wake.wait()
            else:
                self._wake.wait(self._every_s)
