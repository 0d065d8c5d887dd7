"""Start and stop an instance: resolve its settings, prepare, start, wait until every component is healthy, stop, remove."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.engine import connect
from db.migrate import upgrade
from domain.errors import ExpectedError
from settings import Settings, load
from stacks import (
    audit_link,
    embedded,
    external,
    health,
    native,
    operation,
    ownership,
    processes,
    recovery,
    removal,
    resolving,
)
from stacks.command import Part
from stacks.compose import outside
from stacks.compose.cli import DockerUnavailable
from stacks.compose.docker import Docker
from stacks.control import NotRunning
from stacks.controls import control
from stacks.native.artifacts import Progress, quiet
from stacks.native.provision import provision, provisioned_marker
from stacks.privacy import close_home, private_files
from stacks.python_parts import python_parts
from stacks.removal import remove, remove_data, require
from stacks.resolving import StartFailed, default_home, find, resolve
from stacks.supervisor import Supervisor

__all__ = [
    "AlreadyRunning", "StartFailed", "Started", "default_home", "down", "find", "remove", "remove_data", "require",
    "resolve", "up", "versions", "wait_whole",
]  # fmt: skip

Say = Callable[[str], None]


class AlreadyRunning(ExpectedError):
    def __init__(self, settings: Settings) -> None:
        super().__init__(
            f"the {settings.stack} stack is running already, from {settings.home}\n"
            f"  page  http://{settings.bind}:{settings.dashboard_port}\n"
            f"  stop  ./alpes down --stack {settings.stack}"
        )
        self.settings = settings


@dataclass(frozen=True, slots=True)
class Started:
    settings: Settings
    seconds: float
    """From the call until every component is healthy, without downloads."""


@private_files()
def up(
    stack: str,
    home: Path,
    say: Say,
    deadline_s: float = 120,
    progress: Progress = quiet,
    go_on: bool = False,
    **changes: Any,
) -> Started:
    """Start an instance and wait until every component is healthy.

    `changes` are settings that are kept for later runs. `go_on` starts it with the settings of the last run, including
    those from its environment, and without those from the environment of this process. A stop or removal that was
    interrupted is completed first. Raises StartFailed, AlreadyRunning, or Busy when another operation changes the instance.
    """
    with resolving.hidden_environment() if go_on else contextlib.nullcontext():
        return _up(stack, home.resolve(), say, deadline_s, progress, go_on, changes)


def _up(
    stack: str, home: Path, say: Say, deadline_s: float, progress: Progress, go_on: bool, changes: dict[str, Any]
) -> Started:
    existing = load(home=home, stack=stack)
    if control(existing).running() and not _is_interrupted(existing):
        raise AlreadyRunning(existing)
    _claim(home)
    with operation.alone(existing, "up", say, patience_s=2 * deadline_s):
        _claim(home)
        if control(existing).running():
            _complete_interrupted(load(home=home, stack=stack), say)
        try:
            removal.finish(home, say)
            settings = resolve(stack, home, go_on, **changes)
            return _start_locked(settings, say, deadline_s, progress)
        except StartFailed:
            raise
        except ExpectedError as error:
            raise StartFailed(str(error)) from error


def _is_interrupted(settings: Settings) -> bool:
    """Return whether a command stops the running instance, or was killed while it stopped, reset or restored it."""
    return (settings.run / "stopping").exists() or operation.abandoned(settings) is not None


def _complete_interrupted(settings: Settings, say: Say) -> None:
    """Stop a running instance whose stop was interrupted. Otherwise complete what was, and raise AlreadyRunning.

    The caller holds the instance's lock, so no other command is at it.
    """
    if not (settings.run / "stopping").exists():
        recovery.recover(settings, say)
        raise AlreadyRunning(settings)
    say("a command that stopped this instance was interrupted")
    _stop_locked(settings, say)


def _start_locked(settings: Settings, say: Say, deadline_s: float, progress: Progress) -> Started:
    for folder in (settings.run, settings.logs, settings.data):
        folder.mkdir(parents=True, exist_ok=True)
    processes.end(processes.orphans(settings))
    _remove_files_of_last_run(settings)
    _require_free_ports(settings)
    components = [] if settings.stack == "compose" else _prepare(settings, say, progress)
    started_at = time.monotonic()
    try:
        _start_components(settings, components, say, deadline_s)
        recovery.recover(settings, say)
        wait_whole(settings, say, deadline_s)
    except BaseException:
        down(settings, lambda _: None)
        raise
    close_home(settings.home)
    audit_link.create_link(settings)
    return Started(settings, time.monotonic() - started_at)


def _claim(home: Path) -> None:
    try:
        ownership.claim(ownership.INSTANCE, home)
        close_home(home)
    except ownership.NotMade as error:
        raise StartFailed(f"{error}: ALPES_HOME=… ./alpes up") from error
    except OSError as error:
        raise StartFailed(
            f"{home} cannot be written: {error}. Name another folder: ALPES_HOME=/path ./alpes …"
        ) from error


def _start_components(settings: Settings, parts: list[Part], say: Say, deadline_s: float) -> None:
    if settings.stack == "compose":
        outside.prepare(settings)
        say("building and starting the containers; the first start takes minutes")
        Docker(settings).start(deadline_s)
        return
    supervisor = Supervisor(settings)
    supervisor.write_config(parts)
    supervisor.start()
    if settings.stack == "native":
        provision(settings, say)
    elif settings.stack == "external":
        external.provisioned(settings, say)


def down(settings: Settings, say: Say) -> bool:
    """Stop every process of the instance, and return whether one was running. Raises Busy during another operation."""
    if not settings.instance_file.exists():
        return _stop_locked(settings, say)
    with operation.alone(settings, "down", say):
        settings.run.mkdir(exist_ok=True)
        (settings.run / "stopping").touch()
        return _stop_locked(settings, say)


def _stop_locked(settings: Settings, say: Say) -> bool:
    components = control(settings)
    was_running = components.running()
    if was_running:
        say("stopping the components")
    if isinstance(components, Docker):
        # Without running containers, Docker itself may be missing; that is an error only when something must be stopped.
        with contextlib.nullcontext() if was_running else contextlib.suppress(DockerUnavailable):
            components.shutdown()
    else:
        was_running = _stop_supervised(Supervisor(settings)) or was_running
    orphans = processes.orphans(settings)
    if orphans:
        say(f"ending {len(orphans)} remaining processes")
        processes.end(orphans)
    return was_running or bool(orphans)


def _stop_supervised(supervisor: Supervisor) -> bool:
    pid = supervisor.pid_of_itself()
    with contextlib.suppress(NotRunning):
        supervisor.shutdown(last=("database", "broker"), deadline_s=15)
        processes.wait_gone(pid, 30)
        return True
    return False


def versions(settings: Settings) -> dict[str, str]:
    """Return names and versions of database, capture and broker."""
    if settings.stack == "embedded":
        return embedded.versions()
    if settings.stack == "compose":
        return outside.versions(settings)
    return external.versions(settings) if settings.stack == "external" else native.versions(settings)


def _prepare(settings: Settings, say: Say, progress: Progress) -> list[Part]:
    if settings.stack == "embedded":
        own_parts = embedded.prepare(settings)
        engine = connect(settings.admin_url)
        upgrade(engine)
        engine.dispose()
    elif settings.stack == "external":
        own_parts = []
    else:
        own_parts = _prepare_native(settings, say, progress)
    return own_parts + python_parts(settings)


def _prepare_native(settings: Settings, say: Say, progress: Progress) -> list[Part]:
    native.require_name(settings.home)
    native.download(settings, progress)
    return native.prepare(settings, say)


def _require_free_ports(settings: Settings) -> None:
    ports = {"api_port": settings.api_port}
    if settings.stack != "external":
        ports["broker_port"] = settings.broker_port
    if "dashboard" not in settings.without:
        ports["dashboard_port"] = settings.dashboard_port
    if settings.stack == "compose":
        ports |= {name: getattr(settings, name) for name in ("admin_port", "mysql_port")}
    if settings.stack == "native":
        port_settings = ["admin_port", "functions_port", "mysql_port"] + ["plain_admin_port"] * settings.secure
        ports |= {name: getattr(settings, name) for name in port_settings}
    problems = []
    for name, port in ports.items():
        holder = processes.holder(port, settings.bind)
        if holder is not None:
            pid = f", pid {holder.pid}" if holder.pid else ""
            problems.append(f"port {port} ({name}) is held by {holder.what}{pid}; set another: ALPES_{name.upper()}=…")
    if problems:
        raise StartFailed("\n".join(problems))


def wait_whole(settings: Settings, say: Say, deadline_s: float) -> None:
    """Wait until every component is healthy, and say each one that is. Raises StartFailed."""
    engine = connect(settings.worker_url, pool_size=1)
    deadline = time.monotonic() + deadline_s
    announced: set[str] = set()
    has_supervisor = settings.stack != "compose"
    try:
        while True:
            healths = health.check(settings, engine)
            not_healthy = [row for row in healths if row.light != "ok"]
            healthy = {row.part for row in healths if row.light == "ok"}
            for part in sorted(healthy - announced):
                say(f"{part} is ready")
            announced |= healthy
            if not not_healthy:
                return
            if time.monotonic() > deadline:
                lines = "\n".join(f"  {row.part}: {row.detail} (./alpes logs {row.part})" for row in not_healthy)
                raise StartFailed(f"not everything is up after {deadline_s:.0f} s:\n{lines}")
            if (
                has_supervisor
                and not Supervisor(settings).pid_of_itself()
                and time.monotonic() > deadline - deadline_s + 10
            ):
                raise StartFailed(f"the supervisor did not start; {settings.logs / 'supervisord.err'} says why")
            time.sleep(0.05)
    finally:
        engine.dispose()


def _remove_files_of_last_run(settings: Settings) -> None:
    (settings.run / "stopping").unlink(missing_ok=True)
    (settings.run / "supervisord.pid").unlink(missing_ok=True)
    provisioned_marker(settings).unlink(missing_ok=True)
    shutil.rmtree(settings.run / "heartbeat", ignore_errors=True)
    for name in ("leases", "crash", "metrics"):
        shutil.rmtree(settings.run / name, ignore_errors=True)
