"""Read what the operations page shows, and perform its actions. Threads make the reads, for all pages."""

from __future__ import annotations

import logging

from application import Application, permissions
from application.permissions import Caller, require
from dashboard.view_models.tracing import pretty
from db import dead_letter_queries
from db.dead_letter_queries import DeadLetterRow
from scenarios import repair as repair_operation
from scenarios.repair import Repaired
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

log = logging.getLogger(__name__)

LETTERS = 50
RESETS = {"reset": ("cli", "reset", "--yes"), "reset-all": ("cli", "reset", "--all", "--yes")}
TOLD_FOR_S = 600.0
"""How long a page shows how a reset or a repair ended."""


def status(settings: Settings) -> Status:
    return state.status(settings)


def topics(settings: Settings) -> tuple[TopicReport, ...]:
    """Return the reports of the topics, the live one first."""
    return tuple(sorted(reports.list_topics(settings), key=lambda topic: (not topic.live, topic.name)))


def source(settings: Settings) -> SourceReport | None:
    """Return the report of the source; None where the capture has no administration.

    Raises AdminUnavailable or AdminRefused.
    """
    return capture_of(settings).report()


def act(settings: Settings, action: Action) -> None:
    """Perform the action on the capture; the relay can only be restarted.

    Raises Forbidden, and what `stacks.capture.Capture.act` raises.
    """
    require(settings, source_control.permission(action), Caller.PAGE)
    capture_of(settings).act(action)


def resnapshot(settings: Settings) -> None:
    """Let the source take a new snapshot. Raises Forbidden, and what `stacks.capture.Capture.resnapshot` raises."""
    require(settings, source_control.RESNAPSHOT_PERMISSION, Caller.PAGE)
    capture_of(settings).resnapshot(lambda _: None)


def dead_letters(application: Application) -> tuple[DeadLetterRow, ...]:
    """Return the newest dead letters, newest first. Raises DatabaseUnavailable."""
    with application.reading() as connection:
        return tuple(dead_letter_queries.dead_letters(connection, LETTERS))


def requeue(settings: Settings, seqs: list[int]) -> int:
    """Requeue dead letters; return how many. Raises Forbidden, and what `stacks.dead_letters.requeue` raises."""
    require(settings, permissions.Action.REQUEUE, Caller.PAGE)
    return len(letters.requeue(settings, seqs))


def send_edited(settings: Settings, seq: int, body: str) -> int:
    """Send a command with another body. Raises Forbidden, and what `stacks.dead_letters.send_edited` raises."""
    require(settings, permissions.Action.REQUEUE, Caller.PAGE)
    letters.send_edited(settings, seq, body.encode())
    return 1


def discard(settings: Settings, seqs: list[int], note: str) -> int:
    """Discard dead letters; return how many. Raises Forbidden, and what `stacks.dead_letters.discard` raises."""
    require(settings, permissions.Action.REQUEUE, Caller.PAGE)
    return len(letters.discard(settings, seqs, note))


def repair(settings: Settings) -> Repaired:
    """Publish the missing events again. Raises Forbidden, and what `scenarios.repair.repair` raises."""
    require(settings, permissions.Action.REPAIR, Caller.PAGE)
    return repair_operation.repair(settings, log.info)


def payload(letter: DeadLetterRow) -> object:
    """Return the payload of a dead letter: its JSON, or its text."""
    return pretty(letter.payload)


def reset(settings: Settings, name: str) -> None:
    """Start a reset in a separate process, because it stops this server. Raises JobRuns or Forbidden."""
    require(settings, permissions.Action.RESET, Caller.PAGE)
    jobs.start(settings, name, RESETS[name])


def resets(settings: Settings, now: float) -> list[Job]:
    """Return the resets that are under way or ended in the last `TOLD_FOR_S`, newest first."""
    started = [job for job in (jobs.read(settings, name) for name in RESETS) if job is not None]
    recent = [job for job in started if job.running or now - (job.ended_at or job.started_at) < TOLD_FOR_S]
    return sorted(recent, key=lambda job: -job.started_at)
