"""Measure how fast a notifications worker works off a backlog: events are committed and published while it does not run."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from application import Application, leases
from application.components import worker_names
from application.permissions import Action, require
from bench.outcome import count_notified, reconcile_when_complete
from db.tables import notification
from domain.clock import utc_now
from scenarios.bulk_rows import commit_commissions, count_published
from scenarios.waiting import JudgeFailed, until
from settings import Settings
from stacks import faults

LONGEST_S = 600.0
"""How long publication, and then the work, may take."""


@dataclass(frozen=True, slots=True)
class Backlog:
    stack: str
    events: int
    notifications_per_s: float
    """From the first notification to the last."""
    work_s: float
    first_after_s: float
    """From the end of the lease that kept the worker down to the first notification."""
    lost: int
    duplicates_absorbed: int


def measure_backlog(settings: Settings, events: int, say: Callable[[str], None]) -> Backlog:
    """Keep the notifications workers down, commit events, wait until all are published, and let the workers start.

    Raises TookTooLong, Forbidden, or JudgeFailed when a worker ran meanwhile.
    """
    require(settings, Action.ISSUE_COMMANDS)
    correlation_id = str(uuid.uuid4())
    workers = worker_names(settings)
    for worker in workers:
        faults.kill(settings, worker, leases.LONGEST_S)
    with Application(settings, pool_size=2) as application:
        say(f"committing {events} events")
        commit_commissions(application, correlation_id, events)
        until(lambda: count_published(settings, correlation_id) >= events, LONGEST_S, "every event published", 0.5)
        if count_notified(application, correlation_id):
            raise JudgeFailed("a worker ran while the backlog was made")
        say("starting the worker")
        started_at = utc_now()
        for worker in workers:
            faults.release(settings, worker)
        until(lambda: count_notified(application, correlation_id) >= events, LONGEST_S, "every event notified", 0.5)
        first_at, last_at = _read_first_and_last(application, correlation_id)
        reconciled = reconcile_when_complete(application, settings, correlation_id, LONGEST_S)
    work_s = (last_at - first_at).total_seconds()
    return Backlog(
        settings.stack,
        events,
        round(events / work_s, 1),
        round(work_s, 3),
        round((first_at - started_at).total_seconds(), 3),
        len(reconciled.not_published) + len(reconciled.not_notified) + len(reconciled.not_audited),
        reconciled.duplicates_absorbed,
    )


def _read_first_and_last(application: Application, correlation_id: str) -> tuple[datetime, datetime]:
    query = select(func.min(notification.c.notified_at), func.max(notification.c.notified_at))
    with application.reading() as connection:
        first, last = connection.execute(query.where(notification.c.correlation_id == correlation_id)).one()
    return first, last
