"""What the operations page reads and does; each read is made by a thread, for all pages."""

from __future__ import annotations

from application import Application, permissions
from application.permissions import Caller, require
from dashboard.view_models.tracing import pretty
from db import dead_letter_queries
from db.dead_letter_queries import DeadLetterRow
from settings import Settings
from stacks import dead_letters as letters
from stacks import jobs, source_control
from stacks import status as state
from stacks import topics as reports
from stacks.captures import capture_of
from stacks.jobs import Job
from stacks.source_control import Action, SourceReport
from stacks.status import Status
from stacks.topics import TopicReport

LETTERS = 50
RESETS = {"reset": ("cli", "reset", "--yes"), "reset-all": ("cli", "reset", "--all", "--yes")}
TOLD_FOR_S = 600.0
"""How long a page tells of a reset that ended."""


def status(settings: Settings) -> Status:
    return state.status(settings)


def topics(settings: Settings) -> tuple[TopicReport, ...]:
    """The live topic first."""
    return tuple(sorted(reports.topics(settings), key=lambda one: (not one.live, one.name)))


def source(settings: Settings) -> SourceReport | None:
    """None where the capture has no administration. Raises AdminUnavailable or AdminRefused."""
    return capture_of(settings).report()


def act(settings: Settings, action: Action) -> None:
    """Raises what `stacks.capture.Capture.act` raises; the relay can only be restarted."""
    require(settings, source_control.permission(action), Caller.PAGE)
    capture_of(settings).act(action)


def dead_letters(application: Application) -> tuple[DeadLetterRow, ...]:
    """Newest first. Raises DatabaseUnavailable."""
    with application.reading() as connection:
        return tuple(dead_letter_queries.dead_letters(connection, LETTERS))


def requeue(settings: Settings, seqs: list[int]) -> str:
    """How many were sent. Raises what `stacks.dead_letters.requeue` raises."""
    require(settings, permissions.Action.REQUEUE, Caller.PAGE)
    return str(len(letters.requeue(settings, seqs)))


def payload(letter: DeadLetterRow) -> object:
    """JSON, or text."""
    return pretty(letter.payload)


def reset(settings: Settings, name: str) -> None:
    """In a process of its own: it stops the server this runs in. Raises JobRuns or Forbidden."""
    require(settings, permissions.Action.RESET, Caller.PAGE)
    jobs.start(settings, name, RESETS[name])


def resets(settings: Settings, now: float) -> list[Job]:
    """Those under way, and those that ended lately; newest first."""
    found = [job for job in (jobs.read(settings, name) for name in RESETS) if job is not None]
    lately = [job for job in found if job.running or now - (job.ended_at or job.started_at) < TOLD_FOR_S]
    return sorted(lately, key=lambda job: -job.started_at)
