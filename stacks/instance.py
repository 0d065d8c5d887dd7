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
from domain.errors import ExpectedError
from settings import Settings, load
from stacks import (
    audit_link,
    health,
    operation,
    ownership,
    preconditions,
    processes,
    recovery,
    removal,
    resolving,
)
from stacks.controls import control
from stacks.native import healing
from stacks.native.artifacts import Progress, quiet
from stacks.native.provision import provisioned_marker
from stacks.privacy import close_home, private_files
from stacks.registry import stack_of
from stacks.removal import remove, remove_data, require
from stacks.resolving import StartFailed, default_home, find, resolve
from stacks.supervisor import Supervisor

__all__ = [
    "AlreadyRunning", "StartFailed", "Started", "default_home", "down", "find", "remove", "remove_data", "require",
    "resolve", "up", "versions", "wait_whole",
]  # fmt: skip

Say = Callable[[str], None]
LOOKS_EVERY_S = 0.1
"""Pause between two looks at all components while they start, for which they need the processor more."""


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
    return (settings.run / "stopping").exists() or operation.find_abandoned(settings) is not None


def _complete_interrupted(settings: Settings, say: Say) -> None:
    """Stop a running instance whose stop was interrupted. Otherwise complete the interrupted operation, and raise
    AlreadyRunning. The caller holds the instance's lock, so no other command changes the instance.
    """
    if not (settings.run / "stopping").exists():
        recovery.recover(settings, say)
        raise AlreadyRunning(settings)
    say("a command that stopped this instance was interrupted")
    _stop_locked(settings, say)


def _start_locked(settings: Settings, say: Say, deadline_s: float, progress: Progress) -> Started:
    for folder in (settings.run, settings.logs, settings.data):
        folder.mkdir(parents=True, exist_ok=True)
    processes.end(processes.find_processes(settings))
    _remove_files_of_last_run(settings)
    preconditions.check(settings)
    stack = stack_of(settings)
    components = stack.prepare(say, progress)
    started_at = time.monotonic()
    try:
        stack.start(components, say, deadline_s)
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
    except ownership.NotOurs as error:
        raise StartFailed(f"{error}: ALPES_HOME=… ./alpes up") from error
    except OSError as error:
        raise StartFailed(
            f"{home} cannot be written: {error}. Name another folder: ALPES_HOME=/path ./alpes …"
        ) from error


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
    was_running = stack_of(settings).stop(was_running) or was_running
    orphans = processes.find_processes(settings)
    if orphans:
        say(f"ending {len(orphans)} remaining processes")
        processes.end(orphans)
    return was_running or bool(orphans)


def versions(settings: Settings) -> dict[str, str]:
    """Return names and versions of database, capture and broker."""
    return stack_of(settings).versions()


def wait_whole(settings: Settings, say: Say, deadline_s: float) -> None:
    """Wait until every component is healthy, and say each one that is. Raises StartFailed."""
    engine = connect(settings.worker_url, pool_size=1)
    deadline = time.monotonic() + deadline_s
    announced: set[str] = set()
    has_supervisor = not settings.facts.in_containers
    try:
        while True:
            healths = health.check(settings, engine)
            not_healthy = [row for row in healths if not row.works]
            healthy = {row.part for row in healths if row.works}
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
            time.sleep(LOOKS_EVERY_S)
    finally:
        engine.dispose()


def _remove_files_of_last_run(settings: Settings) -> None:
    (settings.run / "stopping").unlink(missing_ok=True)
    (settings.run / "supervisord.pid").unlink(missing_ok=True)
    provisioned_marker(settings).unlink(missing_ok=True)
    healing.forget(settings)
    shutil.rmtree(settings.run / "heartbeat", ignore_errors=True)
    for name in ("leases", "crash", "metrics"):
        shutil.rmtree(settings.run / name, ignore_errors=True)
