"""Read slow sources in a background thread for all pages, while a page is open.

A page takes what was read last, and does not wait for the next read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.message import Message, extract_message

log = logging.getLogger(__name__)

WATCHED_S = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """What was read last. Version 0: nothing yet. With a problem, the value is from the last successful read."""

    version: int = 0
    value: T | None = None
    problem: Message | None = None


class Background(Generic[T]):
    """Read every `every_s` seconds in a thread that starts with the first look, while a page looked recently."""

    def __init__(self, name: str, read: Callable[[], T], every_s: float) -> None:
        self._name, self._read, self._every_s = name, read, every_s
        self._state: Look[T] = Look()
        self._looked = 0.0
        self._wake = threading.Event()
        self._first = threading.Event()
        self._lock = threading.Lock()
        self._started = self._closed = False

    def look(self, first_within_s: float = 0.0) -> Look[T]:
        """Return what was read last; before the first read has ended, wait for it up to `first_within_s`."""
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
        """Read now instead of at the next turn, because something was changed."""
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def step(self) -> None:
        """Read once; a failure becomes the problem of the state."""
        before = self._state
        try:
            look = Look(before.version, self._read(), None)
        except Exception as error:
            # The page shows the message of any exception; the log keeps the traceback.
            log.info("%s could not be read", self._name, exc_info=True)
            look = Look(before.version, before.value, extract_message(error))
        if look != before or not before.version:
            self._state = Look(before.version + 1, look.value, look.problem)
        self._first.set()

    def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            self.step()
            if time.monotonic() - self._looked > WATCHED_S:
                self._wake.wait()
            else:
                self._wake.wait(self._every_s)
