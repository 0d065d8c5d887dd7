"""Run Debezium Server for a while in place of the Debezium source, on the same instance: the step of an upgrade."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors import server_properties
from settings import Settings
from settings.stack_facts import DEBEZIUM_SERVER
from stacks import environment
from stacks.native import debezium_server, dying_with_parent
from stacks.native.artifacts import download_missing, read_artifacts
from stacks.privacy import UMASK
from stacks.supervisor import part_environment

ENDS_WITHIN_S = 20.0


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    """Run it while the `with` block runs, beginning with a new snapshot. The caller has stopped the source.

    Its log is that of the component. Raises FetchFailed where its files must be downloaded and cannot be.
    """
    newer = settings.model_copy(update={"capture": DEBEZIUM_SERVER.name})
    download_missing(read_artifacts([debezium_server.GROUP]), lambda *_: None)
    _forget(newer)
    process = _start(newer)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _forget(newer)


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    part = debezium_server.part(settings)
    launcher = (sys.executable, "-I", "-S", str(Path(dying_with_parent.__file__)), str(os.getpid()))
    with (settings.logs / f"{part.name}.log").open("ab") as log:
        return subprocess.Popen(
            [*launcher, *part.command.argv],
            cwd=part.command.cwd,
            env=environment.without_component(settings) | dict(part_environment(settings, part)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            umask=UMASK,
        )


def _forget(settings: Settings) -> None:
    """Remove its position: the next one begins with a new snapshot."""
    shutil.rmtree(server_properties.folder(settings), ignore_errors=True)
