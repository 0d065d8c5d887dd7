"""Send the commands of a measurement, which share a correlation id, and read what became of them."""

from __future__ import annotations

import contextlib
import uuid

from application import Application
from db import notification_queries
from domain.commands import CalculateCommission, CommissionResult
from scenarios.reconciliation import Reconciliation, reconcile
from scenarios.waiting import TookTooLong, until
from settings import Settings


def send_command(application: Application, correlation_id: str) -> CommissionResult:
    """Calculate another commission. Raises what `Application.send` raises."""
    return application.send(
        CalculateCommission(str(uuid.uuid4()), "aff-bench", "cmp-bench", "120.50", "USD", correlation_id)
    )


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
