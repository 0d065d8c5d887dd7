"""Define the aggregate `Commission`. Every change of it is an event; the kinds of change are in `domain/changes`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.events import Event
from domain.money import Money


@dataclass(slots=True)
class Commission:
    id: str
    conversion_id: str
    affiliate_id: str
    campaign_id: str
    gross: Money
    rate: Decimal
    amount: Money
    created_at: datetime
    updated_at: datetime
    status: str = ""
    """The status that the last event gave it; empty before the first."""
    version: int = 0
    """1 after the first event, one more with each further one. It is the optimistic lock, and it orders the events."""
    events: list[Event] = field(default_factory=list)
    """Events of this unit of work that are not in the outbox yet."""

    def apply(self, event: Event) -> None:
        """Change the state as the event says. Raise ValueError when the event is not of the next version."""
        if event.aggregate_version != self.version + 1:
            raise ValueError(f"{event.type} has version {event.aggregate_version}; the next one is {self.version + 1}")
        self.status = event.status
        self.version = event.aggregate_version
        self.updated_at = event.occurred_at
        self.events.append(event)
