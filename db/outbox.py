"""The outbox: an event as the row that is inserted with the state it tells of."""

from __future__ import annotations

from typing import Any

from domain.events import AGGREGATE_TYPE, Event


def row(event: Event, event_id: str, correlation_id: str, traceparent: str | None) -> dict[str, Any]:
    """Columns of `outbox_event` without `seq`, which the database gives."""
    return {
        "id": event_id,
        "aggregate_type": AGGREGATE_TYPE,
        "aggregate_id": event.commission_id,
        "aggregate_version": event.aggregate_version,
        "type": event.type,
        "version": event.version,
        "payload": event.payload(),
        "correlation_id": correlation_id,
        "traceparent": traceparent,
        "occurred_at": event.occurred_at,
    }
