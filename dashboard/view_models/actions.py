"""Run actions that take longer than a page may wait: each runs in a thread, and all pages see its outcome."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from domain.message import Message, extract_message

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Action:
    name: str
    """What it does, such as `source restart`."""
    started_at: float
    """Seconds since the epoch."""
    ended_at: float | None = None
    problem: Message | None = None
    """Why it failed; None if it did not."""
    outcome: object = None
    """What the work returned; None while it runs, and when it failed."""

    @property
    def running(self) -> bool:
        return self.ended_at is None


class Actions:
    """Run one action of each kind at a time; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Action] = {}

    def start(self, kind: str, name: str, work: Callable[[], object]) -> bool:
        """Start `work`, whose result becomes the outcome; return False if an action of this kind is under way."""
        with self._lock:
            if self.running(kind):
                return False
            self._last[kind] = Action(name, time.time())
        threading.Thread(target=self._run, args=(kind, work), name=f"action-{kind}", daemon=True).start()
        return True

    def last(self, kind: str) -> Action | None:
        return self._last.get(kind)

    def running(self, kind: str) -> bool:
        last = self._last.get(kind)
        return last is not None and last.running

    def _run(self, kind: str, work: Callable[[], object]) -> None:
        problem, outcome = None, None
        try:
            outcome = work()
        except Exception as error:
            # The page shows the message; the log keeps the traceback.
            log.info("%s failed", kind, exc_info=True)
            problem = extract_message(error)
        with self._lock:
            self._last[kind] = replace(self._last[kind], ended_at=time.time(), problem=problem, outcome=outcome)
