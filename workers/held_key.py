"""Keep the deliveries of a held key."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from connectors.broker import Received
from workers.inbox import Effect


@dataclass(slots=True)
class HeldKey:
    """The deliveries of one commission, in order. The first one failed; the others wait behind it."""

    waiting: deque[tuple[Received, Effect]] = field(default_factory=deque)
    due: float = 0.0
    """When the first one is tried again, by `time.monotonic`."""
