"""Measure how many commands a second are written, and whether the notifications keep up."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from application import Application
from application.permissions import Action, require
from bench.outcome import count_notified, reconcile_when_complete
from bench.profile import Meter, Profile
from bench.writers import send_commands
from db import notification_queries
from scenarios.waiting import TookTooLong, until
from settings import Settings


@dataclass(frozen=True, slots=True)
class Throughput:
    stack: str
    commands: int
    writers: int
    """Threads that sent the commands."""
    processes: int
    """Processes that had these threads."""
    commands_per_s: float
    notifications_per_s: float
    """Rate from the first command to the last notification."""
    drained_after_s: float
    """Seconds from the last command's commit to the last notification's."""
    lost: int
    duplicates_absorbed: int
    out_of_order: int
    profile: Profile | None = None
    """What it cost, if it was asked for."""


def measure_throughput(
    settings: Settings,
    commands: int,
    writers: int,
    processes: int = 1,
    progress: Callable[[int], None] = lambda sent_count: None,
    deadline_s: float = 120,
    with_profile: bool = False,
) -> Throughput:
    """Send commands as fast as `writers` threads of the processes can, and wait for the last notification.

    Missing events count as `lost`.

    Raises Forbidden or ChildFailed; NotRunning with a profile.
    """
    require(settings, Action.ISSUE_COMMANDS)
    correlation_id = str(uuid.uuid4())
    meter = Meter(settings) if with_profile else None
    with Application(settings, pool_size=2) as application:
        with meter.running() if meter else contextlib.nullcontext():
            sent = send_commands(settings, correlation_id, commands, writers, processes, progress)
            with contextlib.suppress(TookTooLong):  # what is missing is counted below
                until(lambda: count_notified(application, correlation_id) >= commands, deadline_s, "all notified", 0.1)
        with application.reading() as connection:
            last_notified_at = notification_queries.last_notified_us(connection, correlation_id) / 1e6
        reconciled = reconcile_when_complete(application, settings, correlation_id, 10)
        if meter:
            meter.add_clients(sent.usages)
        profile = meter.make_profile(application, commands) if meter else None
    return Throughput(
        stack=settings.stack,
        commands=commands,
        writers=writers,
        processes=processes,
        commands_per_s=round(commands / (sent.ended_at - sent.began_at), 1),
        notifications_per_s=round(reconciled.notified / (last_notified_at - sent.began_at), 1),
        drained_after_s=round(last_notified_at - sent.ended_at, 3),
        lost=len(reconciled.not_published)
        + len(reconciled.not_notified)
        + len(reconciled.not_audited)
        + (commands - reconciled.committed),
        duplicates_absorbed=reconciled.duplicates_absorbed,
        out_of_order=len(reconciled.out_of_order),
        profile=profile,
    )
