"""When parts were broken on purpose: windows of time to shade in a chart.

From the leases the refresher sees. A window is open from the lease's start until the part is well again, so that it
shows the outage and not only the order for it.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from settings import Settings
from stacks.faults import Lease

KEEP = 100
MISSED_S = 10.0


@dataclass(frozen=True, slots=True)
class FaultWindow:
    part: str
    fault: str
    started_at: float
    ended_at: float | None
    """Seconds since the epoch; None while the part is still away."""


class FaultHistory:
    """Thread-safe; bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: deque[FaultWindow] = deque(maxlen=KEEP)
        self.version = 0

    def note(self, leases: Mapping[str, Lease], lights: Mapping[str, str], now: float) -> None:
        """Take in the leases there are (run out or not) and how each part is (`ok`, `behind`, `down`)."""
        with self._lock:
            known = {(window.part, window.started_at) for window in self._windows}
            for lease in leases.values():
                if (lease.part, lease.started_at) not in known:
                    # One that ran out long before it is first seen: how long the part was away after is not known.
                    over = lease.expires_at if lease.expires_at < now - MISSED_S else None
                    self._windows.append(FaultWindow(lease.part, lease.fault, lease.started_at, over))
                    self.version += 1
            for place, window in enumerate(self._windows):
                last = leases.get(window.part)
                held = last is not None and last.started_at == window.started_at and last.expires_at > now
                if window.ended_at is None and not held and lights.get(window.part) != "down":
                    self._windows[place] = replace(window, ended_at=now)
                    self.version += 1

    def windows(self) -> list[FaultWindow]:
        """Oldest first."""
        with self._lock:
            return list(self._windows)


def leases(settings: Settings) -> dict[str, Lease]:
    """The last lease of each part, run out or not: a kill without a hold has run out the moment it is given."""
    found: dict[str, Lease] = {}
    for path in (settings.run / "leases").glob("*.json"):
        try:
            lease = Lease(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        found[lease.part] = lease
    return found
