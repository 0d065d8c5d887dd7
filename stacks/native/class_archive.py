"""Archive the broker's classes, so that each start saves some seconds of time and CPU (class-data sharing).

The archive is made once for each Java runtime and class path, by starting and stopping a broker of its own on free ports. The
JVM ignores an archive that does not fit, and starts without it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from domain.errors import ExpectedError
from settings import Settings
from stacks import native
from stacks.native import java, provision, pulsar
from stacks.processes import free_port

log = logging.getLogger(__name__)

ENDS_WITHIN_S = 120.0
AGENT = "-javaagent:"
PORTS = ("api_port", "broker_port", "dashboard_port", "admin_port", "plain_admin_port", "functions_port", "mysql_port")


def ensure_archive(say: Callable[[str], None]) -> None:
    """Make the archive unless it is there or could not be made before. A failure is logged: the broker starts without it.

    Java and the artifacts must be in the cache.
    """
    archive = java.class_archive()
    failed = archive.with_suffix(".failed")
    if archive.exists() or failed.exists() or not os.access(archive.parents[1], os.W_OK):
        return
    say("archiving the broker's classes, so that later starts are some seconds quicker (once, half a minute)")
    try:
        archive.parent.mkdir(exist_ok=True)
        _make(archive)
    except (OSError, subprocess.SubprocessError, ExpectedError) as error:
        log.warning("the broker's classes could not be archived: %s", error)
        with contextlib.suppress(OSError):
            failed.write_text(f"{error}\n", encoding="utf-8")


def _make(archive: Path) -> None:
    # The runtime comes without the archive of its own classes, on which ours is based.
    base = [str(java.binary()), "-Xshare:dump", "-XX:+UseSerialGC"]
    subprocess.run(base, check=True, capture_output=True, timeout=ENDS_WITHIN_S)
    new = archive.with_name(f"{archive.stem}.{os.getpid()}.new")
    try:
        with tempfile.TemporaryDirectory(prefix="alpes-classes-", ignore_cleanup_errors=True) as home:
            _run_broker(_settings(Path(home)), [f"-XX:ArchiveClassesAtExit={new}", *java.QUIET])
        new.replace(archive)
    finally:
        new.unlink(missing_ok=True)


def _settings(home: Path) -> Settings:
    values: dict[str, Any] = {"stack": "native", "home": home, "secure": False}
    values |= {name: free_port() for name in PORTS}
    values |= native.urls(Settings(**values))
    return Settings(**values)


def _run_broker(settings: Settings, options: list[str]) -> None:
    """Start a broker, wait until it is ready, and stop it. Raises ProvisionFailed, or TimeoutExpired when it does not end."""
    for folder in (settings.logs, settings.run, settings.data):
        folder.mkdir(parents=True, exist_ok=True)
    command = pulsar.command(settings)
    program, *arguments = command.argv
    arguments = [argument for argument in arguments if not argument.startswith(AGENT)]  # no archive with an agent
    environment = {**os.environ, **command.env}
    with (settings.logs / "broker.log").open("wb") as output:
        process = subprocess.Popen(
            [program, *options, *arguments], cwd=command.cwd, env=environment, stdout=output, stderr=output
        )
        try:
            provision.await_broker(settings)
            process.terminate()
            process.wait(ENDS_WITHIN_S)
        finally:
            process.kill()
            process.wait()
