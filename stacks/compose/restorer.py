"""Start a killed container again when its lease has ended: `python -m stacks.compose.restorer PART`."""

from __future__ import annotations

import logging
import sys
import time

from settings import Settings, load
from stacks import faults
from stacks.compose.cli import DockerUnavailable
from stacks.compose.docker import Docker
from stacks.control import NotRunning, PartUnknown

log = logging.getLogger("restorer")

LOOK_EVERY_S = 0.2
TRIES = 30
"""Number of attempts, one per second: Docker may still be busy with the container that was killed."""


def restore(settings: Settings, part: str, docker: Docker | None = None) -> bool:
    """Wait until the lease has expired and start the component. Return False when it could not be started."""
    docker = docker or Docker(settings)
    while part in faults.active(settings):
        time.sleep(LOOK_EVERY_S)
    for _ in range(TRIES):
        try:
            docker.start_part(part)
            log.info("%s is started again", part)
            return True
        except (NotRunning, PartUnknown) as error:
            log.info("%s is not started again: %s", part, error)  # the stack was stopped meanwhile
            return False
        except DockerUnavailable as error:
            log.warning("%s: %s", part, error)
            time.sleep(1)
    return False


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.exit(0 if restore(load(), sys.argv[1]) else 1)
