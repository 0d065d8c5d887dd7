"""Gather more events before a transaction when they come in quick succession, so that they share its cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from connectors.broker import Received
from workers.consumer import Inlet

GAP_S = 0.003
"""Events that come sooner than this after the previous ones were processed come in quick succession."""
GATHER_S = 0.008
"""How long further ones are gathered then. A single event is never waited for."""
ENOUGH = 50
"""A batch of so many is not waited for: a backlog is being read."""


class GatheringInlet:
    """An inlet whose batches grow when events come in quick succession. Use it in one thread."""

    def __init__(
        self, inlet: Inlet, sleep: Callable[[float], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`sleep(seconds)` may end early, when the worker is told to stop."""
        self._inlet = inlet
        self._sleep = sleep
        self._clock = clock
        self._had_events = False

    @property
    def generation(self) -> int:
        return self._inlet.generation

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        """Return up to `limit` messages; wait up to `timeout_s` for the first one, and for further ones when they are near."""
        called_at = self._clock()
        batch = self._inlet.receive(limit, timeout_s)
        is_quick = self._had_events and self._clock() - called_at < GAP_S
        if is_quick and 0 < len(batch) < min(limit, ENOUGH):
            generation = self._inlet.generation
            self._sleep(GATHER_S)
            further = self._inlet.receive(limit - len(batch), 0)
            # A new consumer receives the first ones again.
            batch = batch + further if self._inlet.generation == generation else further
        self._had_events = bool(batch)
        return batch

    def acknowledge(self, batch: Sequence[Received]) -> None:
        self._inlet.acknowledge(batch)

    def drop(self) -> None:
        self._inlet.drop()
