"""Faults as leases: `(part, fault, expires_at)`. A part under one stays down until it runs out or is released."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from settings import Settings
from stacks.supervisor import PartUnknown, Supervisor

LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Lease:
    part: str
    fault: str
    started_at: float
    expires_at: float
    """Seconds since the epoch."""


def lease_file(settings: Settings, part: str) -> Path:
    return settings.run / "leases" / f"{part}.json"


def kill(settings: Settings, part: str, hold_s: float = 0.0) -> Lease:
    """SIGKILL a part's process and keep it down for `hold_s` seconds; then it is started again by itself.

    Raises PartUnknown when the instance has no such running part, ValueError for a time out of range.
    """
    if not 0 <= hold_s <= LONGEST_S:
        raise ValueError(f"a part may be held down for 0 to {LONGEST_S:.0f} seconds")
    pid = Supervisor(settings).pid(part)
    if not pid:
        raise PartUnknown(f"{part} is not running")
    lease = grant(settings, part, "kill", hold_s)
    os.kill(pid, signal.SIGKILL)
    return lease


def grant(settings: Settings, part: str, fault: str, hold_s: float) -> Lease:
    """Record a lease; it takes hold at the part's next start."""
    now = time.time()
    lease = Lease(part, fault, now, now + hold_s)
    path = lease_file(settings, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(lease)), encoding="utf-8")
    temporary.replace(path)
    return lease


def release(settings: Settings, part: str) -> None:
    """End a lease before its time."""
    with contextlib.suppress(FileNotFoundError):
        lease_file(settings, part).unlink()


def active(settings: Settings) -> dict[str, Lease]:
    """The leases that hold a part down now."""
    found: dict[str, Lease] = {}
    for path in (settings.run / "leases").glob("*.json"):
        try:
            lease = Lease(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if lease.expires_at > time.time():
            found[lease.part] = lease
    return found
