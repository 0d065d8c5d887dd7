"""Run every scenario of the stack one after the other, in a process that outlives the page's server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from application.permissions import Action, Caller, require
from dashboard.view_models.runs import HISTORY
from domain.clock import from_epoch_us
from scenarios.journal import Run
from settings import Settings
from stacks import jobs
from stacks.jobs import Job

NAME = "all-scenarios"
Outcome = Literal["complete", "stopped", "failed"]
STOPPED = (130, 143)
"""Exit codes after SIGINT and SIGTERM."""


def start(settings: Settings) -> None:
    """Start the process. Raises JobRuns or Forbidden."""
    require(settings, Action.RUN_SCENARIOS, Caller.PAGE)
    jobs.start(settings, NAME, ["cli", "scenario", "run", "all", "--stack", settings.stack])


def stop(settings: Settings) -> None:
    """Stop the run under way, which ends its faults, and begin no further one. Raises Forbidden."""
    require(settings, Action.RUN_SCENARIOS, Caller.PAGE)
    jobs.interrupt(settings, NAME)


def read(settings: Settings) -> Job | None:
    """Return the last time that all were run; None when there was none."""
    return jobs.read(settings, NAME)


def is_running(settings: Settings) -> bool:
    job = read(settings)
    return job is not None and job.running


def verdicts_since(job: Job, history: Sequence[Run]) -> list[str]:
    """Return the verdicts of the runs that began and ended during the job."""
    began = from_epoch_us(int(job.started_at * 1e6))
    ended = None if job.ended_at is None else from_epoch_us(int(job.ended_at * 1e6))
    return [
        run.verdict
        for run in history
        if run.verdict and run.started_at >= began and (ended is None or run.started_at <= ended)
    ]


def is_covered(job: Job, history: Sequence[Run]) -> bool:
    """Return whether the history, which is limited, still reaches back to the beginning of the job."""
    return len(history) < HISTORY or history[-1].started_at < from_epoch_us(int(job.started_at * 1e6))


def find_outcome(job: Job, verdict_count: int, total: int) -> Outcome:
    """Return how the job ended. Exit code 1 means a verdict that is not PASS, or an error before every verdict was there."""
    if job.code == 0 or (job.code == 1 and verdict_count >= total):
        return "complete"
    return "stopped" if job.code in STOPPED else "failed"


def last_line(job: Job) -> str:
    """Return the last line of the command's output, which says why it failed; empty if there is none."""
    lines = [line.strip() for line in job.output.splitlines() if line.strip()]
    return lines[-1] if lines else ""
