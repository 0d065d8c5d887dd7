"""`python -m stacks.revive`: after the supervisor was killed, end the parts it left and start it again."""

from __future__ import annotations

import contextlib
import fcntl
import logging

from settings import load
from stacks import processes
from stacks.supervisor import Supervisor
from stacks.watcher import supervised
from telemetry import logs

log = logging.getLogger("revive")


def main() -> None:
    settings = load()
    logs.configure(settings, "revive")
    with (settings.run / "revive.lock").open("w") as lock, contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if supervised(settings):
            return
        left = processes.orphans(settings)
        log.info("ending %d parts that lost their supervisor", len(left))
        processes.end(left, wait_s=3)
        log.info("supervisor started again, pid %d", Supervisor(settings).start())


if __name__ == "__main__":
    main()
