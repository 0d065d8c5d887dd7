"""An event as it is stored and travels: the columns of its outbox row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.events import CommissionApproved, CommissionCalculated

KNOWN_EVENTS: dict[str, int] = {kind.type: kind.version for kind in (CommissionCalculated, CommissionApproved)}
"""Event type → the one schema version of it that is understood."""


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    seq: int
    id: str
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    type: str
    version: int
    payload: str
    """JSON text."""
    correlation_id: str
    traceparent: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row of the outbox that is no event: its columns do not hold what they must."""

    seq: int
    id: str
    aggregate_id: str
    problem: str
    """A sentence in ASCII."""
