"""Store faults as leases `(part, fault, expires_at)` in files, so that a fault ends even if its requester is gone.

A lease has its effect until it expires. `stacks.faults` injects faults, `stacks/gate.py` keeps a killed component down, and
`workers.injected` slows a worker or makes it fail.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from settings import Settings
from settings.shared_files import hand_over, replace_text

Fault = Literal["kill", "slow", "fail", "network", "pause", "full", "slow-fsync", "step", "throttle"]
LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Lease:
    part: str
    fault: Fault
    started_at: float
    expires_at: float
    """Seconds since the epoch."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """`slow`: {"delay_ms": …} for each event. `fail`: {"commission_id": …, "aggregate_version": … or None}: the commission whose
    events fail, all of them or the one with that version. `network`: the fields of `stacks.proxy.network.Network`; `part` is then
    the name of an edge. `throttle`: {"topic": …}. `step`: none; `part` is the name of a breakpoint (`application.breakpoints`)."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a fault, from its injection to its end."""

    part: str
    fault: str
    started_at: float
    ended_at: float


def lease_file(settings: Settings, part: str, fault: Fault = "kill") -> Path:
    """Return the file of a lease. Raise ValueError for a name that no component can have."""
    if not part.replace("-", "").isalnum():
        raise ValueError(f"{part!r} is no component")
    return settings.run / "leases" / f"{part}.{fault}.json"


def grant(
    settings: Settings, part: str, fault: Fault, hold_s: float, parameters: Mapping[str, Any] | None = None
) -> Lease:
    """Write a lease that begins now and lasts `hold_s` seconds. Raise ValueError for a duration out of range."""
    if not 0 <= hold_s <= LONGEST_S:
        raise ValueError(f"a fault may last 0 to {LONGEST_S:.0f} seconds")
    now = time.time()
    return _write(settings, Lease(part, fault, now, now + hold_s, dict(parameters or {})))


def prolong(settings: Settings, lease: Lease, hold_s: float) -> Lease:
    """Let a lease last `hold_s` seconds from now."""
    return _write(settings, replace(lease, expires_at=time.time() + hold_s))


def _write(settings: Settings, lease: Lease) -> Lease:
    replace_text(lease_file(settings, lease.part, lease.fault), json.dumps(asdict(lease)))
    _append_to_history(settings, lease.part, lease.fault, lease.started_at, lease.expires_at)
    return lease


def release(settings: Settings, part: str, fault: Fault = "kill") -> None:
    """End a lease early; do nothing when there is none."""
    lease = read(settings, part, fault)
    with contextlib.suppress(FileNotFoundError):
        lease_file(settings, part, fault).unlink()
    if lease is not None:
        _append_to_history(settings, part, fault, lease.started_at, time.time())


def read(settings: Settings, part: str, fault: Fault) -> Lease | None:
    """Return the lease if it is in force now."""
    return _read_if_in_force(lease_file(settings, part, fault))


class LeaseReader:
    """Reads one lease on a hot path: without a lease it costs a single look for the file."""

    def __init__(self, settings: Settings, part: str, fault: Fault) -> None:
        """Raise ValueError for a name that no component can have."""
        self._path = lease_file(settings, part, fault)
        self._name = str(self._path)

    def read(self) -> Lease | None:
        """Return the lease if it is in force now."""
        return _read_if_in_force(self._path) if os.path.exists(self._name) else None  # noqa: PTH110 - see the class


def active(settings: Settings) -> list[Lease]:
    """Return all leases that are in force now."""
    leases = map(_read_if_in_force, sorted((settings.run / "leases").glob("*.json")))
    return [lease for lease in leases if lease is not None]


def find_expired(settings: Settings, fault: Fault) -> list[Lease]:
    """Return the leases of one kind whose time is over and that nobody has released."""
    leases = map(_read, sorted((settings.run / "leases").glob(f"*.{fault}.json")))
    return [lease for lease in leases if lease is not None and lease.expires_at <= time.time()]


def windows(settings: Settings, since: float = 0.0) -> list[Window]:
    """Return the faults that ended after `since` (seconds since the epoch), oldest first."""
    latest: dict[tuple[str, str, float], Window] = {}
    try:
        lines = _history_file(settings).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):
            window = Window(**json.loads(line))
            latest[window.part, window.fault, window.started_at] = window  # the last line about a fault is valid
    return [window for window in latest.values() if window.ended_at >= since]


def _read_if_in_force(path: Path) -> Lease | None:
    lease = _read(path)
    return lease if lease is not None and lease.expires_at > time.time() else None


def _read(path: Path) -> Lease | None:
    try:
        return Lease(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _history_file(settings: Settings) -> Path:
    return settings.data / "faults.jsonl"


def _append_to_history(settings: Settings, part: str, fault: str, started_at: float, ended_at: float) -> None:
    settings.data.mkdir(parents=True, exist_ok=True)
    with _history_file(settings).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(Window(part, fault, started_at, ended_at))) + "\n")
    hand_over(_history_file(settings))
