"""Inject faults into running components: kill, restart, slow down, make fail. Each is a lease that expires by itself."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import psutil

from application import leases
from application.leases import LONGEST_S, Lease
from application.permissions import Action, require
from connectors.admin import Admin, AdminRefused, AdminUnavailable
from settings import Settings
from stacks import syscalls
from stacks.control import PartUnknown
from stacks.controls import control
from stacks.proxy.network import Network

__all__ = [
    "LONGEST_S", "Lease", "active", "break_edge", "end_expired", "fail", "fill_disk", "fill_disk_of_files", "free_disk", "kill", "lease_file",
    "mend_edge", "pause", "quicken_fsync", "release", "restart", "resume", "slow", "slow_fsync", "throttle", "unthrottle",
]  # fmt: skip


EndedHere = Literal["pause", "full", "slow-fsync", "throttle"]
ENDED_HERE: tuple[EndedHere, ...] = get_args(EndedHere)
"""Faults that somebody must end when their leases are over."""


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


def break_edge(settings: Settings, edge: str, fault: Network, hold_s: float) -> Lease:
    """Cause a network fault on an edge; its proxy reads the lease. Raises LookupError without a proxy there, or Forbidden."""
    require(settings, Action.INJECT_FAULTS)
    if edge not in settings.edge_ports:
        raise LookupError(f"this instance has no proxy on {edge}")
    return leases.grant(settings, edge, "network", hold_s, fault.to_parameters())


def mend_edge(settings: Settings, edge: str) -> None:
    """End the network fault of an edge early."""
    leases.release(settings, edge, "network")


def pause(settings: Settings, part: str, hold_s: float) -> Lease:
    """Stop a component's process with SIGSTOP: it keeps its connections and does nothing. The watcher ends an expired pause.

    Raises PartUnknown, or Forbidden.
    """
    require(settings, Action.INJECT_FAULTS)
    pid = _require_pid(settings, part)
    lease = leases.grant(settings, part, "pause", hold_s, {"pid": pid})
    os.kill(pid, signal.SIGSTOP)
    return lease


def resume(settings: Settings, part: str) -> None:
    """End the pause of a component."""
    _end(settings, part, "pause", leases.read(settings, part, "pause"))


def fill_disk(settings: Settings, part: str, hold_s: float) -> Lease:
    """Make every write of a component to a file fail, as on a full disk: by a limit of the size of its files (Linux).

    Raises PartUnknown, or Forbidden.
    """
    require(settings, Action.INJECT_FAULTS)
    pid = _require_pid(settings, part)
    lease = leases.grant(settings, part, "full", hold_s, {"pid": pid})
    _limit_files(pid, 0)
    return lease


def fill_disk_of_files(settings: Settings, part: str, files: Sequence[Path], hold_s: float) -> Lease:
    """Make every write of a component to these files fail, as on a full disk (Linux, with `strace`).

    A server's other files have their space already. Raises TracingUnavailable, PartUnknown, or Forbidden.
    """
    return _trace(settings, part, "full", syscalls.refuse_writes(files), hold_s)


def free_disk(settings: Settings, part: str) -> None:
    """End what `fill_disk` or `fill_disk_of_files` began."""
    _end(settings, part, "full", leases.read(settings, part, "full"))


def slow_fsync(settings: Settings, part: str, delay_s: float, hold_s: float) -> Lease:
    """Make each flush of a component to the disk take `delay_s` longer, as on a slow or busy disk (Linux, with `strace`).

    Raises TracingUnavailable, PartUnknown, or Forbidden.
    """
    return _trace(settings, part, "slow-fsync", syscalls.delay_flushes(delay_s), hold_s)


def quicken_fsync(settings: Settings, part: str) -> None:
    """End what `slow_fsync` began."""
    _end(settings, part, "slow-fsync", leases.read(settings, part, "slow-fsync"))


def throttle(settings: Settings, messages_per_s: int, hold_s: float) -> Lease:
    """Let the topic of events accept so many messages a second, as a broker under heavy load. The watcher ends an expired one.

    Raises AdminUnavailable, AdminRefused, or Forbidden.
    """
    require(settings, Action.INJECT_FAULTS)
    topic = settings.topics.events
    lease = leases.grant(settings, "broker", "throttle", hold_s, {"topic": topic})
    with Admin(settings) as admin:
        admin.limit_publishing(topic, messages_per_s)
    return lease


def unthrottle(settings: Settings) -> None:
    """End what `throttle` began."""
    _end(settings, "broker", "throttle", leases.read(settings, "broker", "throttle"))


def end_expired(settings: Settings) -> None:
    """End the pauses, full disks, slow flushes and limits whose leases are over, no matter who asked for them. Raises nothing."""
    for fault in ENDED_HERE:
        for lease in leases.find_expired(settings, fault):
            _end(settings, lease.part, fault, lease)


def _trace(settings: Settings, part: str, fault: EndedHere, injection: Sequence[str], hold_s: float) -> Lease:
    require(settings, Action.INJECT_FAULTS)
    pid = _require_pid(settings, part)
    tracer_pid = syscalls.attach(pid, injection, hold_s)
    return leases.grant(settings, part, fault, hold_s, {"pid": pid, "tracer_pid": tracer_pid})


def _end(settings: Settings, part: str, fault: EndedHere, lease: Lease | None) -> None:
    if lease is None:
        return
    if fault == "throttle":
        with contextlib.suppress(AdminUnavailable, AdminRefused), Admin(settings) as admin:
            admin.unlimit_publishing(str(lease.parameters["topic"]))
            leases.release(settings, part, fault)  # or the watcher tries again
        return
    pid = int(lease.parameters["pid"])
    with contextlib.suppress(psutil.Error, OSError):
        if "tracer_pid" in lease.parameters:
            syscalls.detach(int(lease.parameters["tracer_pid"]), pid)
        elif fault == "pause":
            os.kill(pid, signal.SIGCONT)
        else:
            _limit_files(pid, None)
    leases.release(settings, part, fault)


def _limit_files(pid: int, size: int | None) -> None:
    """Limit the size of a process's files in bytes; None removes the limit."""
    process = psutil.Process(pid)
    _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (hard if size is None else size, hard))


def _require_pid(settings: Settings, part: str) -> int:
    pid = control(settings).pid(part)
    if not pid:
        raise PartUnknown(f"{part} is not running")
    return pid


def restart(settings: Settings, part: str) -> None:
    """End a component with SIGTERM; it is started again. Raises PartUnknown, NotRunning or Forbidden."""
    require(settings, Action.RESTART_PARTS)
    control(settings).restart_part(part)


def active(settings: Settings) -> dict[str, Lease]:
    """Return component → lease that holds it down now."""
    return {lease.part: lease for lease in leases.active(settings) if lease.fault == "kill"}
