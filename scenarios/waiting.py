"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


class TookTooLong(Exception):
    """The condition did not come true in time."""


class JudgeFailed(Exception):
    """The judging side could not do its part, so nothing is shown about the system; `str(error)` says why."""


def until(condition: Callable[[], bool], deadline_s: float, what: str, every_s: float = 0.05) -> None:
    """Return once `condition()` is true. Raises TookTooLong, saying what was awaited."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TookTooLong(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(every_s)
