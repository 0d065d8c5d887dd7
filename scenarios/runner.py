"""Start, follow and stop runs of scenarios. The command line, the control API, the page and the notebooks use this.

Each run has a process of its own.
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

from application import breakpoints
from application.permissions import Action, require
from domain.errors import ExpectedError
from domain.message import Message
from scenarios import journal
from scenarios.catalogue import find
from scenarios.journal import AnotherRuns, UnknownRun
from scenarios.model import Moment, Result
from settings import Settings
from settings.model import REPOSITORY
from stacks import environment
from stacks.control import NotRunning
from stacks.controls import control
from stacks.privacy import UMASK

__all__ = ["AnotherRuns", "NotOnThisStack", "NotRunning", "UnknownRun", "follow", "run", "start", "stop"]

STARTS_WITHIN_S = 30.0
ENDS_WITHIN_S = 60.0
POLL_EVERY_S = 0.05
LAST_KINDS = ("verdict", "stopped")


class NotOnThisStack(ExpectedError):
    """The scenario needs a component that this stack does not have."""


class NoVerdict(ExpectedError):
    """The run was stopped or could not start; `str(error)` says why."""


def start(settings: Settings, name: str, seed: int | None = None, minutes: float = 1.0, faults: str = "") -> str:
    """Start a scenario in a process of its own and return its run id, which is also its correlation id.

    `seed` is random by default; `minutes` is the duration of chaos, `faults` its schedule as text (empty: drawn from the
    seed). Raises ValueError for a text that is no schedule, LookupError for an unknown scenario,
    NotOnThisStack, AnotherRuns, NotRunning, or Forbidden.
    """
    require(settings, Action.RUN_SCENARIOS)
    scenario = find(name, minutes, faults)
    if not scenario.runs_on(settings.stack, settings.cluster, settings.capture):
        raise NotOnThisStack(
            f"{name} runs on {', '.join(scenario.places)} only: the {settings.stack} stack, as it runs now, does not have the component that it breaks"
        )
    if not control(settings).running():
        raise NotRunning("nothing is running here; `./alpes up` starts it")
    if journal.is_scenario_running(settings):
        raise AnotherRuns("another scenario runs now; wait for its verdict, or stop it")
    if breakpoints.are_set(settings):
        raise AnotherRuns(Message("step.no_scenario"))
    run_id = str(uuid.uuid4())
    seed = random.randrange(2**31) if seed is None else seed
    journal.folder(settings, run_id).mkdir(parents=True)
    with (journal.folder(settings, run_id) / "process.log").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scenarios.process", run_id, name, str(seed), str(minutes), faults],
            cwd=REPOSITORY,
            env={
                **environment.without_component(settings),
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
    _wait_for_start(settings, run_id, process)
    return run_id


def follow(settings: Settings, run_id: str) -> Iterator[Moment]:
    """Yield each entry of a run's timeline as it is written, up to the last. Raises UnknownRun."""
    timeline = journal.Timeline(settings, run_id)
    while True:
        alive = running(settings, run_id)
        new_moments = timeline.read_new()
        yield from new_moments
        if any(moment.kind in LAST_KINDS for moment in new_moments):
            return
        if not alive:
            yield Moment.of(time.time(), "stopped", Message("run.ended"))
            return
        time.sleep(POLL_EVERY_S)


def run(
    settings: Settings,
    name: str,
    seed: int | None = None,
    minutes: float = 1.0,
    on_moment: Callable[[Moment], None] = lambda moment: None,
    faults: str = "",
) -> Result:
    """Run a scenario and return its result. `on_moment` is called with each entry of the timeline.

    Raises what `start` raises, and NoVerdict.
    """
    run_id = start(settings, name, seed, minutes, faults)
    last = Moment.of(0, "stopped", Message("run.empty"))
    for last in follow(settings, run_id):
        on_moment(last)
    result = _wait_for_result(settings, run_id) if last.kind == "verdict" else None
    if result is None:
        raise NoVerdict(f"{name} has no verdict: {last.text}")
    return result


def check_id(run_id: str) -> None:
    """Raise ValueError for a text that is not a run id and might name another file."""
    uuid.UUID(run_id)


def stop(settings: Settings, run_id: str) -> None:
    """Ask a run to end its faults and exit; does nothing if it has ended. Raises Forbidden."""
    require(settings, Action.RUN_SCENARIOS)
    pid = _pid(settings, run_id)
    if pid and running(settings, run_id):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def running(settings: Settings, run_id: str) -> bool:
    """Return whether the run's process is alive."""
    with suppress(psutil.Error):
        process = psutil.Process(_pid(settings, run_id))
        return run_id in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    return False


def current(settings: Settings) -> str | None:
    """Return the id of the run that is running now, or None."""
    newest = sorted((settings.data / "scenarios").glob("*/pid"), key=lambda path: path.stat().st_mtime, reverse=True)
    return next((path.parent.name for path in newest[:3] if running(settings, path.parent.name)), None)


def _wait_for_start(settings: Settings, run_id: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(UnknownRun):
            if journal.read_timeline(settings, run_id):
                process.returncode = 0  # the run outlives this process; without this, Popen warns about that
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    log = journal.folder(settings, run_id) / "process.log"
    raise NoVerdict(f"the scenario's process did not start: {log.read_text()[-500:] or log}")


def _wait_for_result(settings: Settings, run_id: str) -> Result | None:
    """Wait until the process has ended, which writes the result after its last entry and then frees the lock."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while running(settings, run_id) and time.monotonic() < deadline:
        time.sleep(0.02)
    return journal.load_result(settings, run_id)


def _pid(settings: Settings, run_id: str) -> int:
    try:
        return int((journal.folder(settings, run_id) / "pid").read_text())
    except (OSError, ValueError, UnknownRun):
        return 0
