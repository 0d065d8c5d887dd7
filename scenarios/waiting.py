"""Wait for a condition with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

from domain.errors import ExpectedError
from domain.message import Message


class TookTooLong(ExpectedError):
    """The condition did not come true in time."""


class JudgeFailed(ExpectedError):
    """The judge itself failed, which proves nothing about the system; `str(error)` says why."""


def until(condition: Callable[[], bool], deadline_s: float, awaited: str | Message, every_s: float = 0.05) -> None:
    """Return as soon as `condition()` is true. Raises TookTooLong, whose text names what was `awaited`."""
    ends_at = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > ends_at:
            raise TookTooLong(Message("waiting.too_long", what=awaited, s=round(deadline_s)))
        time.sleep(every_s)
