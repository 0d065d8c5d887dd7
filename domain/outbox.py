"""Define the outbox row, the form in which an event is stored and published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """One row of the outbox."""

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
    """An outbox row that cannot be published, because some column breaks the contract."""

    seq: int
    id: str
    aggregate_id: str
    problem: str
    """Which column is wrong, and why: a sentence in ASCII."""
