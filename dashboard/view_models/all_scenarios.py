"""Run every scenario of the stack one after the other, in a process that outlives the page's server."""

from __future__ import annotations

from collections.abc import Sequence

from application.permissions import Action, Caller, require
from domain.clock import from_epoch_us
from scenarios.journal import Run
from settings import Settings
from stacks import jobs
from stacks.jobs import Job

NAME = "all-scenarios"


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
