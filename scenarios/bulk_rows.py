"""Commit many commissions with large statements, as an import does: one INSERT for many rows of each table."""

from __future__ import annotations

import uuid
from contextlib import closing
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from application import Application
from db.errors import translated
from db.outbox import build_row
from db.tables import commission, outbox_event
from domain.changes.calculate import CommissionCalculated
from domain.clock import utc_now
from settings import Settings
from workers.observer_store import ObserverStore

ROWS_PER_STATEMENT = 1000
"""The binlog has them in events of 8 KB, each with some ten rows of the outbox."""


def commit_commissions(application: Application, correlation_id: str, count: int) -> list[str]:
    """Commit so many new commissions with their outbox rows, ROWS_PER_STATEMENT in a transaction. Return their event ids.

    Raises DatabaseUnavailable; what was committed before stays.
    """
    event_ids: list[str] = []
    for start in range(0, count, ROWS_PER_STATEMENT):
        pairs = [make_rows(correlation_id) for _ in range(min(ROWS_PER_STATEMENT, count - start))]
        with translated(), application.engine.begin() as connection:
            connection.execute(insert(commission), [state for state, _ in pairs])
            connection.execute(insert(outbox_event), [row for _, row in pairs])
        event_ids += [row["id"] for _, row in pairs]
    return event_ids


def count_published(settings: Settings, correlation_id: str) -> int:
    """Return how many distinct events of a correlation id the observer saw. Raises sqlite3.OperationalError without its store."""
    with closing(ObserverStore(settings.observer_store)) as store:
        return store.count_published_events(correlation_id)


def make_rows(correlation_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the row of a new commission and its outbox row."""
    event = make_calculated()
    return make_state(event), build_row(event, str(uuid.uuid4()), correlation_id, None)


def make_calculated() -> CommissionCalculated:
    """Return the event of a new commission."""
    key = str(uuid.uuid4())
    return CommissionCalculated(
        commission_id=key,
        aggregate_version=1,
        occurred_at=utc_now(),
        conversion_id=key,
        affiliate_id="aff-bulk",
        campaign_id="cmp-bulk",
        gross_amount=Decimal("120.50"),
        rate=Decimal("0.10"),
        amount=Decimal("12.05"),
        currency="USD",
    )


def make_state(event: CommissionCalculated) -> dict[str, Any]:
    """Return the row of the commission whose event this is."""
    names = ("conversion_id", "affiliate_id", "campaign_id", "gross_amount", "rate", "amount", "currency")
    values = {name: getattr(event, name) for name in names}
    at = event.occurred_at
    return {
        "id": event.commission_id,
        "status": event.status,
        "version": 1,
        "created_at": at,
        "updated_at": at,
    } | values
