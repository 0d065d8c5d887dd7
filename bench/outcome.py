"""Read what became of the commands of a measurement, which share a correlation id."""

from __future__ import annotations

import contextlib

from application import Application
from db import notification_queries
from scenarios.reconciliation import Reconciliation, reconcile
from scenarios.waiting import TookTooLong, until
from settings import Settings


def count_notified(application: Application, correlation_id: str) -> int:
    """Return the number of notifications. Raises DatabaseUnavailable."""
    with application.reading() as connection:
        return notification_queries.count_notifications(connection, correlation_id)


def reconcile_when_complete(
    application: Application, settings: Settings, correlation_id: str, within_s: float
) -> Reconciliation:
    """Return the reconciliation as soon as nothing is missing, or as it is after `within_s` seconds."""
    last: list[Reconciliation] = []

    def is_complete() -> bool:
        last[:] = [reconcile(application, settings, correlation_id)]
        return last[0].complete

    with contextlib.suppress(TookTooLong):  # the caller counts what is missing
        until(is_complete, within_s, "reconciled", 0.2)
    return last[0]
