"""Scenarios for everybody: the command line, the control API, the page and the notebooks call these functions.

A run has a process of its own; these start it, follow its timeline and read what it found.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil

from application.permissions import Action, require
from scenarios import journal
from scenarios.catalogue import find
from scenarios.journal import AnotherRuns, UnknownRun
from scenarios.model import Moment, Result
from settings import Settings
from settings.model import REPOSITORY
from stacks.control import NotRunning
from stacks.controls import control
from stacks.privacy import UMASK

__all__ = ["AnotherRuns", "NotOnThisStack", "NotRunning", "UnknownRun", "follow", "run", "start", "stop"]

STARTS_WITHIN_S = 30.0
ENDS_WITHIN_S = 60.0
LOOK_EVERY_S = 0.05
LAST = ("verdict", "stopped")


class NotOnThisStack(Exception):
    """The scenario breaks a part that this stack does not have."""


class NoVerdict(Exception):
    """The run was stopped, or could not be made; `str(error)` says why."""


def start(settings: Settings, name: str, seed: int | None = None, minutes: float = 1.0) -> str:
    """Start a scenario in a process of its own and return its run id, which is its correlation id too.

    `seed` is made up where none is given; `minutes` is for chaos. Raises LookupError for an unknown scenario,
    NotOnThisStack, AnotherRuns, NotRunning, or Forbidden.
    """
    require(settings, Action.RUN_SCENARIOS)
    scenario = find(name, minutes)
    if settings.stack not in scenario.stacks:
        raise NotOnThisStack(
            f"{name} runs on {', '.join(scenario.stacks)}: the {settings.stack} stack lacks what it breaks"
        )
    if not control(settings).running():
        raise NotRunning("nothing is running here; `./alpes up` starts it")
    if journal.busy(settings):
        raise AnotherRuns("another scenario runs now; wait for its verdict, or stop it")
    run_id = str(uuid.uuid4())
    seed = random.randrange(2**31) if seed is None else seed
    journal.folder(settings, run_id).mkdir(parents=True)
    with (journal.folder(settings, run_id) / "process.log").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scenarios.process", run_id, name, str(seed), str(minutes)],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "ALPES_HOME": str(settings.home),
                "ALPES_PART": "scenario",
                "PYTHONPATH": str(REPOSITORY),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=UMASK,
        )
    (journal.folder(settings, run_id) / "pid").write_text(str(process.pid))
    _begun(settings, run_id, process)
    return run_id


def follow(settings: Settings, run_id: str) -> Iterator[Moment]:
    """Every entry of a run's timeline as it comes, until its last. Raises UnknownRun."""
    timeline = journal.Timeline(settings, run_id)
    while True:
        alive = running(settings, run_id)
        fresh = timeline.fresh()
        yield from fresh
        if any(moment.kind in LAST for moment in fresh):
            return
        if not alive:
            yield Moment(
                time.time(), "stopped", "its process is gone; what it broke comes back when its leases run out"
            )
            return
        time.sleep(LOOK_EVERY_S)


def run(
    settings: Settings,
    name: str,
    seed: int | None = None,
    minutes: float = 1.0,
    tell: Callable[[Moment], None] = lambda moment: None,
) -> Result:
    """Start a scenario, tell each moment as it happens, and return what it found.

    Raises what `start` raises, and NoVerdict.
    """
    run_id = start(settings, name, seed, minutes)
    last = Moment(0, "stopped", "no word of it")
    for last in follow(settings, run_id):
        tell(last)
    found = _result(settings, run_id) if last.kind == "verdict" else None
    if found is None:
        raise NoVerdict(f"{name} has no verdict: {last.text}")
    return found


def check_id(run_id: str) -> None:
    """Raises ValueError for what is no run id, and so might name another file."""
    uuid.UUID(run_id)


def stop(settings: Settings, run_id: str) -> None:
    """Ask a run to restore the system and end; nothing happens where it has ended. Raises Forbidden."""
    require(settings, Action.RUN_SCENARIOS)
    pid = _pid(settings, run_id)
    if pid and running(settings, run_id):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def running(settings: Settings, run_id: str) -> bool:
    """Whether the run's process is alive."""
    with suppress(psutil.Error):
        process = psutil.Process(_pid(settings, run_id))
        return run_id in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    return False


def current(settings: Settings) -> str | None:
    """The run that is under way now."""
    newest = sorted((settings.data / "scenarios").glob("*/pid"), key=lambda path: path.stat().st_mtime, reverse=True)
    return next((path.parent.name for path in newest[:3] if running(settings, path.parent.name)), None)


def _begun(settings: Settings, run_id: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(UnknownRun):
            if journal.moments(settings, run_id):
                process.returncode = 0  # it is meant to outlive us: Popen need not warn of it
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    log = journal.folder(settings, run_id) / "process.log"
    raise NoVerdict(f"the scenario's process did not start: {log.read_text()[-500:] or log}")


def _result(settings: Settings, run_id: str) -> Result | None:
    """Once its process has ended: it writes the result after the last word of the timeline, and frees the lock last."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while running(settings, run_id) and time.monotonic() < deadline:
        time.sleep(0.02)
    return journal.result(settings, run_id)


def _pid(settings: Settings, run_id: str) -> int:
    try:
        return int((journal.folder(settings, run_id) / "pid").read_text())
    except (OSError, ValueError, UnknownRun):
        return 0
