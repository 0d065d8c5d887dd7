"""When parts were broken on purpose: windows of time to shade in a chart.

From the history of leases and from what scenarios tell of faults that are none (a crash, a restart, lost offsets). A
window is open from its start until the part is well again, so that it shows the outage and not only the order for it.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from application import leases as kept
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
    """Seconds since the epoch; None while the part is still away."""


class FaultHistory:
    """Thread-safe; bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: deque[FaultWindow] = deque(maxlen=KEEP)
        self.version = 0

    def note(
        self, leases: Mapping[str, Lease], lights: Mapping[str, str], now: float, history: Iterable[Window] = ()
    ) -> None:
        """Take in the leases there are (run out or not), how each part is (`ok`, `behind`, `down`), and the faults that
        were, oldest first."""
        told: dict[tuple[str, str, float], float] = {
            (lease.part, lease.fault, lease.started_at): lease.expires_at for lease in leases.values()
        }
        told |= {(window.part, window.fault, window.started_at): window.ended_at for window in history}
        with self._lock:
            known = {(window.part, window.fault, window.started_at) for window in self._windows}
            for fault in sorted(told.keys() - known, key=lambda fault: fault[2]):
                # One that ran out long before it is first seen: how long the part was away after is not known.
                over = told[fault] if told[fault] < now - MISSED_S else None
                self._windows.append(FaultWindow(*fault, over))
                self.version += 1
            for place, window in enumerate(self._windows):
                held = told.get((window.part, window.fault, window.started_at), 0.0) > now
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


class Told:
    """The faults that were, read again only when there are new ones: leases, and what finished runs tell."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._size = -1
        self._leases: list[Window] = []
        self._runs: dict[str, list[Window]] = {}

    def read(self, since: float) -> list[Window]:
        """Those that lasted beyond `since`, seconds since the epoch; oldest first."""
        with suppress(OSError):
            size = (self._settings.data / "faults.jsonl").stat().st_size
            if size != self._size:
                self._leases, self._size = kept.windows(self._settings, since), size
        for path in (self._settings.data / "scenarios").glob("*/result.json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                if path.parent.name not in self._runs and path.stat().st_mtime > since:
                    self._runs[path.parent.name] = _of_run(json.loads(path.read_text(encoding="utf-8")))
        found = [*self._leases, *(window for windows in self._runs.values() for window in windows)]
        return sorted((one for one in found if one.ended_at >= since), key=lambda one: one.started_at)


def _of_run(result: Mapping[str, list[Mapping[str, float | str]]]) -> list[Window]:
    """Its faults that were no leases."""
    return [
        Window(str(each["part"]), str(each["fault"]), float(each["started_at"]), float(each["ended_at"]))
        for each in result["windows"]
        if each["fault"] not in LEASES
    ]
