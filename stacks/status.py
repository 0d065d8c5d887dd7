"""Collect the status of an instance: health, processes, memory, lag, versions, addresses and settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from db.engine import connect
from domain.message import Message, verbatim
from settings import Settings
from stacks import health, instance, processes
from stacks.control import Control, NotRunning, PartState
from stacks.controls import control
from stacks.lag import Lag, read_lag
from stacks.probes import ANSWERS_WITHIN_S, Probes
from stacks.registry import stack_of
from stacks.resolving import Origins, origins
from stacks.supervisor import Supervisor

COUNTED_WITHIN_S = 5.0
"""Docker needs a second or two to measure the memory of all containers."""
_LAGS: Probes[Lag] = Probes()
_VERSIONS: Probes[dict[str, str]] = Probes()
_MEMORIES: Probes[dict[str, float]] = Probes()


@dataclass(frozen=True, slots=True)
class PartStatus:
    name: str
    light: str
    """ok, behind or down."""
    detail: str
    process: str
    """supervisord's state of the process; empty for a component without one (the source, a SQLite file)."""
    pid: int
    memory_mb: float
    """Proportional set size including child processes, or a container's memory by Docker; 0 if it was not measured."""
    message: Message | None
    """What `detail` says; None if it says nothing."""


@dataclass(frozen=True, slots=True)
class Status:
    ok: bool
    stack: str
    running: bool
    home: str
    parts: list[PartStatus]
    memory_mb: float
    lag: Lag | None
    versions: dict[str, str]
    addresses: dict[str, str]
    settings: Origins
    """The settings that differ from the defaults."""


def status(settings: Settings) -> Status:
    """Return the status. An unavailable component is reported as down and raises nothing."""
    parts_control = control(settings)
    try:
        states = {state.name: state for state in parts_control.states()}
    except NotRunning:
        versions, known_origins = instance.versions(settings), origins(settings)
        return Status(False, settings.stack, False, str(settings.home), [], 0.0, None, versions, {}, known_origins)
    engine = connect(settings.worker_url, pool_size=2)
    # All are asked at once, so that nothing that does not answer delays the others.
    lag_asked = _LAGS.start(f"lag of {settings.home}", partial(read_lag, settings, engine))
    versions_asked = _VERSIONS.start(f"versions of {settings.home}", partial(instance.versions, settings))
    memory_asked = _MEMORIES.start(f"memory of {settings.home}", parts_control.memory_mb)
    try:
        healths = health.check(settings, engine)
        database_answers = all(row.light != "down" for row in healths if row.part == "database")
        lag = lag_asked.wait(ANSWERS_WITHIN_S) if database_answers else None
    finally:
        engine.dispose()
    memory = memory_asked.wait(COUNTED_WITHIN_S) or {}
    parts = [_make_part_status(row.part, row.light, row.message, states.pop(row.part, None), memory) for row in healths]
    parts += [
        _make_part_status(name, "ok" if state.pid else "down", None, state, memory)
        for name, state in sorted(states.items())
    ]
    parts += _supervisor_status(parts_control)
    return Status(
        ok=all(part.light == "ok" for part in parts),
        stack=settings.stack,
        running=True,
        home=str(settings.home),
        parts=parts,
        memory_mb=round(sum(part.memory_mb for part in parts), 1),
        lag=lag,
        versions=versions_asked.wait(COUNTED_WITHIN_S) or {},
        addresses=addresses(settings),
        settings=origins(settings),
    )


def addresses(settings: Settings) -> dict[str, str]:
    """Return the addresses at which people and programs reach the instance, without passwords."""
    urls = {} if "dashboard" in settings.without else {"page": f"http://{settings.bind}:{settings.dashboard_port}"}
    urls["api"] = f"http://{settings.bind}:{settings.api_port}/docs"
    urls["broker"] = settings.pulsar_url
    if settings.pulsar_admin_url:
        urls["admin"] = settings.pulsar_admin_url
    return urls | stack_of(settings).addresses()


def _make_part_status(
    name: str, light: str, message: Message | None, state: PartState | None, memory: dict[str, float]
) -> PartStatus:
    if message is None and state is not None and state.spawn_error:
        message = verbatim(state.spawn_error)
    detail = "" if message is None else str(message)
    if state is None:
        return PartStatus(name, light, detail, "", 0, 0.0, message)
    return PartStatus(name, light, detail, state.state, state.pid, memory.get(name, 0.0), message)


def _supervisor_status(parts: Control) -> list[PartStatus]:
    """Return the status of supervisord itself; nothing under Docker."""
    if not isinstance(parts, Supervisor):
        return []
    pid = parts.pid_of_itself()
    memory = round(processes.memory_bytes(pid) / 1e6, 1) if pid else 0.0
    message = Message("health.supervisor")
    return [PartStatus("supervisord", "ok", str(message), "RUNNING", pid, memory, message)]
