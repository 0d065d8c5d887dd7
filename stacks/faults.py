"""Inject faults into running components: kill, restart, slow down, make fail. Each is a lease that expires by itself."""

from __future__ import annotations

from pathlib import Path

from application import leases
from application.leases import LONGEST_S, Lease
from application.permissions import Action, require
from settings import Settings
from stacks.control import PartUnknown
from stacks.controls import control

__all__ = ["LONGEST_S", "Lease", "active", "fail", "kill", "lease_file", "release", "restart", "slow"]


def lease_file(settings: Settings, part: str) -> Path:
    """Return the file of the lease that holds a component down."""
    return leases.lease_file(settings, part, "kill")


def kill(settings: Settings, part: str, hold_s: float = 0.0) -> Lease:
    """Kill a component with SIGKILL and keep it down for `hold_s` seconds; then it is started again.

    Raises PartUnknown when the component is not running, ValueError for a time out of range, and Forbidden, as all faults
    do, when the instance does not allow it.
    """
    require(settings, Action.KILL_PARTS)
    components = control(settings)
    if not components.pid(part):
        raise PartUnknown(f"{part} is not running")
    lease = leases.grant(settings, part, "kill", hold_s)
    components.kill(part)
    return lease


def release(settings: Settings, part: str) -> None:
    """End the lease of a killed component early. Raises Forbidden."""
    require(settings, Action.KILL_PARTS)
    leases.release(settings, part, "kill")


def slow(settings: Settings, part: str, delay_ms: float, hold_s: float) -> Lease:
    """Make a notifications worker take `delay_ms` longer for each event. Raises Forbidden."""
    require(settings, Action.INJECT_FAULTS)
    return leases.grant(settings, part, "slow", hold_s, {"delay_ms": delay_ms})


def fail(
    settings: Settings,
    part: str,
    commission_id: str,
    hold_s: float,
    aggregate_version: int | None = None,
    times: int | None = None,
) -> Lease:
    """Make a notifications worker fail on every event of one commission, or only on the event of one version.

    With `times` a process fails only so often at an event, and then processes it.
    Raises Forbidden.
    """
    require(settings, Action.INJECT_FAULTS)
    parameters = {"commission_id": commission_id, "aggregate_version": aggregate_version, "times": times}
    return leases.grant(settings, part, "fail", hold_s, parameters)


def restart(settings: Settings, part: str) -> None:
    """End a component with SIGTERM; it is started again. Raises PartUnknown, NotRunning or Forbidden."""
    require(settings, Action.RESTART_PARTS)
    control(settings).restart_part(part)


def active(settings: Settings) -> dict[str, Lease]:
    """Return component → lease that holds it down now."""
    return {lease.part: lease for lease in leases.active(settings) if lease.fault == "kill"}
