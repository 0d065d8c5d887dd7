"""Measure when this process did not run: the machine was suspended, was frozen by its host, or had no processor for it.

Who waits for an answer or reads the age of a heartbeat cannot tell a silent component from its own sleep. After a laptop
wakes up, every heartbeat is hours old, and no component is at fault. So a thread wakes up again and again, and a wake-up
that comes late is a stall. Its time counts for nobody's silence.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable

WAKES_EVERY_S = 0.25
SHORTEST_S = 1.0
"""A shorter delay is that of a busy machine, which deadlines allow for."""
REMEMBERED = 100
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """Return the seconds since the machine was started, with the time in which it was suspended where the system counts it."""
    return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)


class StallMeter:
    """The stalls of one process; `wake` is called every WAKES_EVERY_S seconds."""

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._awake_at = clock()
        self._stalls: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        """Begin and end of each, in seconds of the clock."""

    def wake(self) -> None:
        """Note that this process runs, and a stall if it has not done so for SHORTEST_S seconds."""
        with self._guard:
            at = self._clock()
            if at - self._awake_at >= SHORTEST_S:
                self._stalls.append((self._awake_at, at))
            self._awake_at = at

    def stalled_since(self, at: float) -> float:
        """Return how many seconds of the time since `at` were stalls, one that has just ended included."""
        self.wake()
        with self._guard:
            return sum(max(0.0, ended_at - max(began_at, at)) for began_at, ended_at in self._stalls)


_METERS: dict[int, StallMeter] = {}
"""Process id → its meter: a fork does not inherit the thread, and begins its own."""
_STARTING = threading.Lock()


def stalled_since(at: float) -> float:
    """Return how many seconds since `at`, a time of `now`, this process has stood still. The first call begins to measure."""
    meter = _METERS.get(os.getpid())
    if meter is None:
        meter = _start()
    return meter.stalled_since(at)


def _start() -> StallMeter:
    with _STARTING:
        meter = _METERS.get(os.getpid())
        if meter is None:
            meter = _METERS[os.getpid()] = StallMeter()
            threading.Thread(target=_keep_awake, args=(meter,), name="stalls", daemon=True).start()
        return meter


def _keep_awake(meter: StallMeter) -> None:
    pause = threading.Event()
    while True:
        pause.wait(WAKES_EVERY_S)
        meter.wake()
