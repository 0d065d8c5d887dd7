"""One instance's life: resolve its settings, prepare, start, wait until every part is well, stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.admin import PartitionsDiffer
from db.binlog import BinlogUnfit
from db.engine import connect
from db.migrate import upgrade
from settings import Settings, load
from settings.model import REPOSITORY
from stacks import embedded, external, health, native, operation, ownership, processes, recovery
from stacks.command import Part
from stacks.compose import outside
from stacks.compose.cli import DockerUnavailable
from stacks.compose.docker import Docker
from stacks.control import NotRunning
from stacks.controls import control
from stacks.native.artifacts import FetchFailed, Progress, quiet
from stacks.native.mysql import MysqlUnusable
from stacks.native.provision import ProvisionFailed, provision, provisioned_marker
from stacks.privacy import close_home, private_files
from stacks.python_parts import python_parts
from stacks.resolving import StartFailed, default_home, find, resolve
from stacks.supervisor import Supervisor, wait_gone

__all__ = [
    "AlreadyRunning", "StartFailed", "Started", "default_home", "down", "find", "remove", "remove_data", "require",
    "resolve", "up", "versions", "wait_whole",
]  # fmt: skip

Say = Callable[[str], None]


class AlreadyRunning(Exception):
    def __init__(self, settings: Settings) -> None:
        super().__init__(f"the {settings.stack} stack is running already, from {settings.home}")
        self.settings = settings


@dataclass(frozen=True, slots=True)
class Started:
    settings: Settings
    seconds: float
    """From the call to every part well, downloads excepted."""


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
    """Start an instance and wait until it is whole.

    `changes` are settings, kept for later runs; `go_on` starts it as the run before was started, the environment's part
    included. Raises StartFailed, AlreadyRunning, or Busy when something else changes the instance.
    """
    home = home.resolve()
    existing = load(home=home, stack=stack)
    if control(existing).running():
        raise AlreadyRunning(existing)
    _claim(home)
    with operation.alone(existing, "up", say, patience_s=2 * deadline_s):
        _claim(home)
        if control(existing).running():  # somebody else started it while this one waited
            raise AlreadyRunning(load(home=home, stack=stack))
        try:
            settings = resolve(stack, home, go_on, **changes)
        except DockerUnavailable as error:
            raise StartFailed(str(error)) from error
        return _up(settings, say, deadline_s, progress)


def _up(settings: Settings, say: Say, deadline_s: float, progress: Progress) -> Started:
    for folder in (settings.run, settings.logs, settings.data):
        folder.mkdir(parents=True, exist_ok=True)
    processes.end(processes.orphans(settings))
    _forget_last_run(settings)
    _require_free_ports(settings)
    parts = [] if settings.stack == "compose" else _prepare(settings, say, progress)
    began = time.monotonic()
    try:
        _start(settings, parts, say, deadline_s)
        recovery.recover(settings, say)
        wait_whole(settings, say, deadline_s)
    except (ProvisionFailed, BinlogUnfit, DockerUnavailable, PartitionsDiffer, external.ExternalUnfit) as error:
        down(settings, lambda _: None)
        raise StartFailed(str(error)) from error
    except BaseException:
        down(settings, lambda _: None)
        raise
    close_home(settings.home)
    _link_audit_file(settings)
    return Started(settings, time.monotonic() - began)


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


def _start(settings: Settings, parts: list[Part], say: Say, deadline_s: float) -> None:
    if settings.stack == "compose":
        outside.prepare(settings)
        say("building and starting the containers; the first time takes minutes")
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
    """Stop every process of the instance; False when there was none. Raises Busy when something else changes it."""
    if not settings.instance_file.exists():
        return _down(settings, say)
    with operation.alone(settings, "down", say):
        settings.run.mkdir(exist_ok=True)
        (settings.run / "stopping").touch()
        return _down(settings, say)


def _down(settings: Settings, say: Say) -> bool:
    parts = control(settings)
    was = parts.running()
    if was:
        say("stopping the parts")
    if isinstance(parts, Docker):
        # What does not run may not be there to be removed, nor Docker itself; what runs must be stopped.
        with contextlib.nullcontext() if was else contextlib.suppress(DockerUnavailable):
            parts.shutdown()
    else:
        was = _stop_supervised(Supervisor(settings)) or was
    left = processes.orphans(settings)
    if left:
        say(f"ending {len(left)} processes that were left")
        processes.end(left)
    return was or bool(left)


def _stop_supervised(supervisor: Supervisor) -> bool:
    pid = supervisor.pid_of_itself()
    with contextlib.suppress(NotRunning):
        supervisor.shutdown(last=("database", "broker"), deadline_s=15)
        wait_gone(pid, 30)
        return True
    return False


def require(settings: Settings) -> None:
    """Raises NotMade when the home holds no instance of this program."""
    ownership.require(ownership.INSTANCE, settings.home)


def remove(settings: Settings) -> list[Path]:
    """Delete what a stopped instance wrote; what others put into its home stays, and is returned. Raises NotMade."""
    require(settings)
    _remove_volumes(settings)
    left = ownership.remove(ownership.INSTANCE, settings.home)
    _unlink_audit_file()
    return left


def remove_data(settings: Settings) -> list[Path]:
    """Delete the data of a stopped instance; its ports and passwords stay. What others put there stays. Raises NotMade."""
    require(settings)
    _remove_volumes(settings)
    return ownership.remove(ownership.INSTANCE, settings.home, ("data", "run"), spared=operation.LOCKS)


def _remove_volumes(settings: Settings) -> None:
    if settings.stack == "compose":
        with contextlib.suppress(DockerUnavailable):
            Docker(settings).remove_data()


def versions(settings: Settings) -> dict[str, str]:
    """The real parts: database, capture, broker."""
    if settings.stack == "embedded":
        return embedded.versions()
    if settings.stack == "compose":
        return outside.versions(settings)
    return external.versions(settings) if settings.stack == "external" else native.versions(settings)


def _prepare(settings: Settings, say: Say, progress: Progress) -> list[Part]:
    try:
        if settings.stack == "embedded":
            own = embedded.prepare(settings)
            engine = connect(settings.admin_url)
            upgrade(engine)
            engine.dispose()
        elif settings.stack == "external":
            own = []
        else:
            own = _prepare_native(settings, say, progress)
    except embedded.BrokerMissing as error:
        raise StartFailed(str(error)) from error
    return own + python_parts(settings)


def _prepare_native(settings: Settings, say: Say, progress: Progress) -> list[Part]:
    try:
        native.require_name(settings.home)
        native.download(settings, progress)
        return native.prepare(settings, say)
    except (FetchFailed, MysqlUnusable, native.UnknownNar, native.NameUnfit) as error:
        raise StartFailed(str(error)) from error


def _require_free_ports(settings: Settings) -> None:
    wanted = {"api_port": settings.api_port}
    if settings.stack != "external":
        wanted["broker_port"] = settings.broker_port
    if "dashboard" not in settings.without:
        wanted["dashboard_port"] = settings.dashboard_port
    if settings.stack == "compose":
        wanted |= {name: getattr(settings, name) for name in ("admin_port", "mysql_port")}
    if settings.stack == "native":
        names = ["admin_port", "functions_port", "mysql_port"] + ["plain_admin_port"] * settings.secure
        wanted |= {name: getattr(settings, name) for name in names}
    taken = []
    for name, port in wanted.items():
        found = processes.holder(port, settings.bind)
        if found is not None:
            pid = f", pid {found.pid}" if found.pid else ""
            taken.append(f"port {port} ({name}) is held by {found.what}{pid}; set another: ALPES_{name.upper()}=…")
    if taken:
        raise StartFailed("\n".join(taken))


def wait_whole(settings: Settings, say: Say, deadline_s: float) -> None:
    """Return once every part is well, saying which ones are. Raises StartFailed."""
    engine = connect(settings.worker_url, pool_size=1)
    deadline = time.monotonic() + deadline_s
    said: set[str] = set()
    supervised = settings.stack != "compose"
    try:
        while True:
            rows = health.check(settings, engine)
            waiting = [row for row in rows if row.light != "ok"]
            well = {row.part for row in rows if row.light == "ok"}
            for part in sorted(well - said):
                say(f"{part} is ready")
            said |= well
            if not waiting:
                return
            if time.monotonic() > deadline:
                lines = "\n".join(f"  {row.part}: {row.detail} (./alpes logs {row.part})" for row in waiting)
                raise StartFailed(f"not everything is up after {deadline_s:.0f} s:\n{lines}")
            if (
                supervised
                and not Supervisor(settings).pid_of_itself()
                and time.monotonic() > deadline - deadline_s + 10
            ):
                raise StartFailed(f"the supervisor did not start; {settings.logs / 'supervisord.err'} says why")
            time.sleep(0.05)
    finally:
        engine.dispose()


def _forget_last_run(settings: Settings) -> None:
    (settings.run / "stopping").unlink(missing_ok=True)
    (settings.run / "supervisord.pid").unlink(missing_ok=True)
    provisioned_marker(settings).unlink(missing_ok=True)
    shutil.rmtree(settings.run / "heartbeat", ignore_errors=True)
    for name in ("leases", "crash", "metrics"):
        shutil.rmtree(settings.run / name, ignore_errors=True)


def _link_audit_file(settings: Settings) -> None:
    """`data/events.jsonl` of the repository shows the audit file of the instance that was started from its own home.

    A file there that is none of our links is somebody's, such as the audit file of `docker compose up`: it stays.
    """
    link = REPOSITORY / "data" / "events.jsonl"
    if REPOSITORY not in settings.home.parents or (os.path.lexists(link) and not _our_link(link)):
        return
    with contextlib.suppress(OSError):
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(settings.audit_file, link.parent))


def _unlink_audit_file() -> None:
    """The link to the audit file of an instance that is gone."""
    link = REPOSITORY / "data" / "events.jsonl"
    if _our_link(link) and not link.exists():
        link.unlink(missing_ok=True)


def _our_link(link: Path) -> bool:
    """Whether it leads to an instance below the repository, as `_link_audit_file` makes it."""
    if not link.is_symlink():
        return False
    target = Path(os.path.normpath(link.parent / link.readlink()))
    return REPOSITORY in target.parents and target.parts[-2:] == ("data", link.name) and target != link
