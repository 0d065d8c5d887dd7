"""Let another process capture in place of the Debezium source, and let the source go on afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from connectors import source
from connectors.admin import Admin
from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import environment, source_control

CHANGES_WITHIN_S = 60.0
ENDS_WITHIN_S = 10.0


@contextmanager
def in_place_of_source(settings: Settings, module: str) -> Iterator[None]:
    """Stop the source while the block runs, and run a module in its place. Afterwards the source goes on from its offset.

    Raises what `source_control.run_action` raises, or TookTooLong.
    """
    _set_running(settings, False)
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=REPOSITORY,
        env={
            **environment.without_component(settings),
            "ALPES_HOME": str(settings.home),
            "ALPES_PART": "relay",
            "PYTHONPATH": str(REPOSITORY),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(ENDS_WITHIN_S)
        _set_running(settings, True)


def _set_running(settings: Settings, runs: bool) -> None:
    source_control.run_action(settings, "start" if runs else "stop")

    def is_so() -> bool:
        with Admin(settings) as admin:
            status = source.status(admin, settings.source_name)
        return status is not None and status.running is runs

    until(is_so, CHANGES_WITHIN_S, "the source has started" if runs else "the source has stopped")
