"""Commit an outbox row that no command of this product writes, as another producer does."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import insert

from db.errors import translated
from db.tables import outbox_event
from domain.changes.calculate import CommissionCalculated
from domain.clock import utc_now
from scenarios.trial import Trial


def commit_raw_row(trial: Trial, producer: str, payload: dict[str, Any], version: int = 1) -> str:
    """Commit the row and return its event id. Raises DatabaseUnavailable.

    Its correlation id is `producer` and a part of the run's id, so it is no event of the run.
    """
    event_id = str(uuid.uuid4())
    row = {
        "id": event_id,
        "aggregate_type": "commission",
        "aggregate_id": str(uuid.uuid4()),
        "aggregate_version": 1,
        "type": CommissionCalculated.type,
        "version": version,
        "payload": payload,
        "correlation_id": f"{producer}-{trial.run_id[:8]}",
        "traceparent": None,
        "occurred_at": utc_now(),
    }
    with translated(), trial.application.engine.begin() as connection:
        connection.execute(insert(outbox_event).values(**row))
    return event_id
