"""Everything there is to know of an instance at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from db.engine import connect
from settings import Settings
from stacks import health, instance, processes
from stacks.control import Control, NotRunning, PartState
from stacks.controls import control
from stacks.health import Lag
from stacks.resolving import Origins, origins
from stacks.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class PartStatus:
    name: str
    light: str
    """ok, behind or down."""
    detail: str
    process: str
    """supervisord's word for the process; empty for a part that is none (the source, a SQLite file)."""
    pid: int
    memory_mb: float
    """Proportional set size, of child processes too; of a container what Docker counts. 0 where nothing was measured."""


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
    """What differs from the defaults."""


def status(settings: Settings) -> Status:
    """Never raises for a part that is away: it is told as down."""
    parts_control = control(settings)
    try:
        states = {state.name: state for state in parts_control.states()}
    except NotRunning:
        versions, known = instance.versions(settings), origins(settings)
        return Status(False, settings.stack, False, str(settings.home), [], 0.0, None, versions, {}, known)
    engine = connect(settings.worker_url, pool_size=1)
    try:
        judged = health.check(settings, engine)
        lag = health.lag(settings, engine)
    finally:
        engine.dispose()
    memory = parts_control.memory_mb()
    parts = [_part(row.part, row.light, row.detail, states.pop(row.part, None), memory) for row in judged]
    parts += [_part(name, "ok" if state.pid else "down", "", state, memory) for name, state in sorted(states.items())]
    parts += _supervisor(parts_control)
    return Status(
        ok=all(part.light == "ok" for part in parts),
        stack=settings.stack,
        running=True,
        home=str(settings.home),
        parts=parts,
        memory_mb=round(sum(part.memory_mb for part in parts), 1),
        lag=lag,
        versions=instance.versions(settings),
        addresses=addresses(settings),
        settings=origins(settings),
    )


def addresses(settings: Settings) -> dict[str, str]:
    """Where a person or a program reaches it; no passwords."""
    found = {} if "dashboard" in settings.without else {"page": f"http://{settings.bind}:{settings.dashboard_port}"}
    found["api"] = f"http://{settings.bind}:{settings.api_port}/docs"
    found["broker"] = settings.pulsar_url
    if settings.pulsar_admin_url:
        found["admin"] = settings.pulsar_admin_url
    if settings.stack in ("native", "compose"):
        found["mysql"] = f"{settings.bind}:{settings.mysql_port}/alpes"
    elif settings.stack == "external":
        parts = urlsplit(settings.database_url)
        found["mysql"] = f"{parts.hostname}:{parts.port or 3306}{parts.path}"
    return found


def _part(name: str, light: str, detail: str, state: PartState | None, memory: dict[str, float]) -> PartStatus:
    if state is None:
        return PartStatus(name, light, detail, "", 0, 0.0)
    return PartStatus(name, light, detail or state.spawn_error, state.state, state.pid, memory.get(name, 0.0))


def _supervisor(parts: Control) -> list[PartStatus]:
    """supervisord itself; under Docker nothing of ours runs the parts."""
    if not isinstance(parts, Supervisor):
        return []
    pid = parts.pid_of_itself()
    memory = round(processes.memory_bytes(pid) / 1e6, 1) if pid else 0.0
    return [PartStatus("supervisord", "ok", "runs the parts", "RUNNING", pid, memory)]
