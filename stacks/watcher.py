"""The watcher: recovers components that a supervisor cannot recover.

It restarts a killed supervisor, hung workers, and a source that reports that it runs and makes no progress. It respects
injected faults until their leases expire.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import psutil
from sqlalchemy import Engine

from application.components import select_names
from db.engine import connect
from settings import Settings
from settings.model import REPOSITORY
from stacks import environment, faults, operation, processes
from stacks.captures import capture_of
from stacks.healer import Healer
from stacks.keeper import Keeper
from stacks.privacy import UMASK
from stacks.registry import stack_of
from stacks.supervisor import NotRunning, PartUnknown, Supervisor
from workers.heartbeat import Heartbeat, read_heartbeat
from workers.process import run

log = logging.getLogger(__name__)

CHECK_EVERY_S = 0.5
HUNG_AFTER_S = 30.0


def main(settings: Settings, stop: threading.Event) -> None:
    engine = connect(settings.worker_url, pool_size=1)
    heartbeat = Heartbeat(settings, "watcher")
    keeper = Keeper(settings, lambda: _run_detached(settings, "stacks.recovery"))
    healer = threading.Thread(target=_run_healer, args=(settings, engine, stop), name="healer", daemon=True)
    healer.start()
    try:
        while not stop.wait(CHECK_EVERY_S):
            heartbeat.beat(True)
            faults.end_expired(settings)
            if not healer.is_alive():
                log.error("the healer thread ended; the supervisor starts this process again")
                return
            if settings.facts.is_supervised:  # elsewhere only the source is healed here
                if not is_supervised(settings):
                    log.error("the supervisor does not run; starting it again")
                    revive(settings)
                    return
                keeper.step()
                _restart_hung(settings)
            if settings.owner_pid and not psutil.pid_exists(settings.owner_pid):
                log.error(
                    "process %d, the owner of this instance, has ended; removing the instance", settings.owner_pid
                )
                _run_detached(settings, "stacks.abandoned")
                stop.wait()
    finally:
        healer.join(CHECK_EVERY_S)
        engine.dispose()


def _run_healer(settings: Settings, engine: Engine, stop: threading.Event) -> None:
    """Heal in a thread, because a restart of the source may take a while and the other checks must continue."""
    healers = _make_healers(settings, engine)
    while not stop.wait(CHECK_EVERY_S):
        for healer in healers:
            healer.step()


def _make_healers(settings: Settings, engine: Engine) -> list[Healer]:
    healers = (stack_of(settings).healer(engine), capture_of(settings).healer(engine))
    return [healer for healer in healers if healer is not None]


def is_supervised(settings: Settings) -> bool:
    """Return whether the supervisor is alive, or stopping on purpose."""
    if (settings.run / "stopping").exists():
        return True
    pid = Supervisor(settings).pid_of_itself()
    return pid != 0 and processes.is_alive(pid)


def revive(settings: Settings) -> None:
    """Start the supervisor again, after ending the components that it left, this process included."""
    _run_detached(settings, "stacks.revive")


def _run_detached(settings: Settings, module: str) -> None:
    """Run a module in a process that is not a component of the instance."""
    with (settings.logs / f"{module.rpartition('.')[2]}.log").open("a") as output:
        subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=REPOSITORY,
            env={
                **environment.without_component(settings),
                "ALPES_HOME": str(settings.home),
                "PYTHONPATH": str(REPOSITORY),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=UMASK,
        )


def _restart_hung(settings: Settings) -> None:
    if operation.read(settings) is not None:
        return  # held components write no heartbeat
    leases = faults.active(settings)
    for part in select_names(settings, lambda component: component.is_watched):
        heartbeat = read_heartbeat(settings, part)
        if heartbeat is None or heartbeat.age_s < HUNG_AFTER_S or part in leases:
            continue
        try:
            supervisor = Supervisor(settings)
            if supervisor.pid(part) == heartbeat.pid:
                log.error("%s has written no heartbeat for %.0f s; restarting it", part, heartbeat.age_s)
                supervisor.restart_part(part)
        except (PartUnknown, NotRunning) as error:
            log.warning("%s", error)


if __name__ == "__main__":
    run("watcher", main)
