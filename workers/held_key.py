"""Keep the deliveries of a held key."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.broker import Received
from workers.inbox import Effect


@dataclass(slots=True)
class HeldKey:
    """The deliveries of one commission, in order. The first one failed; the others wait behind it."""

    waiting: deque[tuple[Received, Effect]] = field(default_factory=deque)
    due: float = 0.0
    """When the first one is tried again, by `time.monotonic`."""


def time_until_due(held_keys: Iterable[HeldKey], timeout_s: float) -> float:
    """Return the seconds until a held delivery is due, at most `timeout_s`."""
    soonest = min((held.due for held in held_keys), default=None)
    return timeout_s if soonest is None else max(0.0, min(timeout_s, soonest - time.monotonic()))
