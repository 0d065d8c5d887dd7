"""Collect the times in which faults were injected: windows to shade in a chart.

They come from the history of leases, and from scenario runs for faults without a lease (a crash, a restart, lost
offsets). A window is open from the fault's start until the component is no longer down, so that it shows the whole
outage and not only the lease.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from application import leases as lease_records
from application.leases import Window
from settings import Settings
from stacks.faults import Lease

KEEP = 100
MISSED_S = 10.0
LEASES = ("kill", "slow", "fail")


@dataclass(frozen=True, slots=True)
class FaultWindow:
    part: str
    fault: str
    started_at: float
    ended_at: float | None
    """Seconds since the epoch, as `started_at`; None while the component is still down."""


class FaultHistory:
    """Keep the last `KEEP` windows; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: deque[FaultWindow] = deque(maxlen=KEEP)
        self.version = 0

    def note(
        self, leases: Mapping[str, Lease], lights: Mapping[str, str], now: float, history: Iterable[Window] = ()
    ) -> None:
        """Update the windows.

        `leases` holds the present leases, expired or not; `lights` the health of each component (`ok`, `behind`,
        `down`); `history` the past faults, oldest first; `now` is in seconds since the epoch.
        """
        ends_at: dict[tuple[str, str, float], float] = {
            (lease.part, lease.fault, lease.started_at): lease.expires_at for lease in leases.values()
        }
        ends_at |= {(window.part, window.fault, window.started_at): window.ended_at for window in history}
        with self._lock:
            noted = {(window.part, window.fault, window.started_at) for window in self._windows}
            for fault in sorted(ends_at.keys() - noted, key=lambda fault: fault[2]):
                # The lease expired long before it was first seen: how long the outage lasted after it is not known.
                over = ends_at[fault] if ends_at[fault] < now - MISSED_S else None
                self._windows.append(FaultWindow(*fault, over))
                self.version += 1
            for place, window in enumerate(self._windows):
                held = ends_at.get((window.part, window.fault, window.started_at), 0.0) > now
                if window.ended_at is None and not held and lights.get(window.part) != "down":
                    self._windows[place] = replace(window, ended_at=now)
                    self.version += 1

    def windows(self) -> list[FaultWindow]:
        """Return the windows, oldest first."""
        with self._lock:
            return list(self._windows)


def leases(settings: Settings) -> dict[str, Lease]:
    """Return the last lease of each component, expired or not: a kill without a hold expires as soon as it is given."""
    by_part: dict[str, Lease] = {}
    for path in (settings.run / "leases").glob("*.json"):
        try:
            lease = Lease(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        by_part[lease.part] = lease
    return by_part


class PastFaults:
    """Read the past faults from the history of leases and from finished runs, again only if there are new ones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._size = -1
        self._leases: list[Window] = []
        self._runs: dict[str, list[Window]] = {}

    def read(self, since: float) -> list[Window]:
        """Return the faults that ended at or after `since` (seconds since the epoch), oldest first."""
        with suppress(OSError):
            size = (self._settings.data / "faults.jsonl").stat().st_size
            if size != self._size:
                self._leases, self._size = lease_records.windows(self._settings, since), size
        for path in (self._settings.data / "scenarios").glob("*/result.json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                if path.parent.name not in self._runs and path.stat().st_mtime > since:
                    self._runs[path.parent.name] = _of_run(json.loads(path.read_text(encoding="utf-8")))
        faults = [*self._leases, *(window for windows in self._runs.values() for window in windows)]
        return sorted((fault for fault in faults if fault.ended_at >= since), key=lambda fault: fault.started_at)


def _of_run(result: Mapping[str, list[Mapping[str, float | str]]]) -> list[Window]:
    """Return the faults of a run that had no lease."""
    return [
        Window(str(window["part"]), str(window["fault"]), float(window["started_at"]), float(window["ended_at"]))
        for window in result["windows"]
        if window["fault"] not in LEASES
    ]
