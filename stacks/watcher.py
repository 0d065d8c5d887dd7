"""The watcher: sees to it that the instance is whole again without a hand.

It heals what a supervisor cannot: the supervisor itself when it was killed, a worker that hangs, and a source that says
it runs and stands still. Faults on purpose are respected: their leases say until when.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

import psutil
from sqlalchemy import Engine

from db.engine import connect
from settings import Settings
from settings.model import REPOSITORY
from stacks import faults, operation
from stacks.embedded_healer import BrokerHealer
from stacks.keeper import Keeper
from stacks.native.healer import SourceHealer
from stacks.python_parts import worker_names
from stacks.supervisor import NotRunning, PartUnknown, Supervisor
from workers.heartbeat import Heartbeat, read_heartbeat
from workers.process import run

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
HANGS_S = 30.0
SUPERVISED = ("embedded", "native")
"""Elsewhere Docker, or whoever runs the parts, restarts what ends; only the source is ours to heal."""


def main(settings: Settings, stop: threading.Event) -> None:
    engine = connect(settings.worker_url, pool_size=1)
    heart = Heartbeat(settings, "watcher")
    keeper = Keeper(settings, lambda: _apart(settings, "stacks.recovery"))
    healer = threading.Thread(target=_heal, args=(settings, engine, stop), name="healer", daemon=True)
    healer.start()
    try:
        while not stop.wait(LOOK_EVERY_S):
            heart.beat(True)
            if not healer.is_alive():
                log.error("the healer ended; the supervisor starts this process again")
                return
            if settings.stack in SUPERVISED:
                if not supervised(settings):
                    log.error("the supervisor is gone; starting it again")
                    revive(settings)
                    return
                keeper.step()
                _restart_hanging(settings)
            if settings.owner_pid and not psutil.pid_exists(settings.owner_pid):
                log.error("process %d, whose instance this is, is gone; everything is removed", settings.owner_pid)
                _apart(settings, "stacks.abandoned")
                stop.wait()
    finally:
        healer.join(LOOK_EVERY_S)
        engine.dispose()


def _heal(settings: Settings, engine: Engine, stop: threading.Event) -> None:
    """In a thread of its own: to restart a source may take a while, and the rest must go on being watched."""
    healer = _healer(settings, engine)
    while not stop.wait(LOOK_EVERY_S):
        if healer is not None:
            healer.step()


def _healer(settings: Settings, engine: Engine) -> SourceHealer | BrokerHealer | None:
    match settings.stack:
        case "native" | "compose" | "external" if settings.pulsar_admin_url:
            return SourceHealer(settings, engine)
        case "embedded":
            return BrokerHealer(settings, engine)
        case _:
            return None


def supervised(settings: Settings) -> bool:
    """Whether the supervisor is alive, or stopping on purpose."""
    if (settings.run / "stopping").exists():
        return True
    pid = Supervisor(settings).pid_of_itself()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != 0 and not _zombie(pid)


def _zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def revive(settings: Settings) -> None:
    """Start the supervisor again: the parts that were left, this one too, are ended first."""
    _apart(settings, "stacks.revive")


def _apart(settings: Settings, module: str) -> None:
    """Run it in a process that is no part of the instance."""
    env = {name: value for name, value in os.environ.items() if name != "ALPES_PART"}
    with (settings.logs / f"{module.rpartition('.')[2]}.log").open("a") as output:
        subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=REPOSITORY,
            env={**env, "ALPES_HOME": str(settings.home), "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _restart_hanging(settings: Settings) -> None:
    if operation.read(settings) is not None:
        return  # what it holds gives no sign of life
    held = faults.active(settings)
    for part in (*worker_names(settings), "relay", "observer", "audit", "commands"):
        last = read_heartbeat(settings, part)
        if last is None or last.age_s < HANGS_S or part in held or part in settings.without:
            continue
        try:
            supervisor = Supervisor(settings)
            if supervisor.pid(part) == last.pid:
                log.error("%s gave no sign of life for %.0f s; restarting it", part, last.age_s)
                supervisor.restart_part(part)
        except (PartUnknown, NotRunning) as error:
            log.warning("%s", error)


if __name__ == "__main__":
    run("watcher", main)
