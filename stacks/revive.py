"""Start a killed supervisor again, after ending the components that it left: `python -m stacks.revive`."""

from __future__ import annotations

import contextlib
import fcntl
import logging

from settings import load
from stacks import processes
from stacks.supervisor import Supervisor
from stacks.watcher import is_supervised
from telemetry import logs

log = logging.getLogger("revive")


def main() -> None:
    settings = load()
    logs.configure(settings, "revive")
    with (settings.run / "revive.lock").open("w") as lock, contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_supervised(settings):
            return
        orphans = processes.find_processes(settings)
        log.info("ending %d components that lost their supervisor", len(orphans))
        processes.end(orphans, wait_s=3)
        # Meanwhile a command may have begun to stop or to delete the instance.
        if (settings.run / "stopping").exists() or not (settings.run / "supervisord.conf").exists():
            log.info("the instance is stopped; the supervisor is not started again")
            return
        log.info("supervisor started again, pid %d", Supervisor(settings).start())


if __name__ == "__main__":
    main()
