"""Define the commands that the domain accepts, and the result that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class CalculateCommission:
    conversion_id: str
    affiliate_id: str
    campaign_id: str
    gross_amount: Decimal | str | int
    currency: str
    correlation_id: str | None = None
    """Groups the events of one request or run; a new id when absent."""
    traceparent: str | None = None
    """W3C trace context of the request."""


@dataclass(frozen=True, slots=True)
class ApproveCommission:
    commission_id: str
    correlation_id: str | None = None
    traceparent: str | None = None


Command = CalculateCommission | ApproveCommission


@dataclass(frozen=True, slots=True)
class CommissionResult:
    """The state of the commission after a command."""

    commission_id: str
    conversion_id: str
    status: str
    amount: Decimal
    currency: str
    rate: Decimal
    version: int
    changed: bool
    """False when the commission was in that state already: nothing was written."""
    event_ids: tuple[str, ...]
    """Ids of the outbox rows that the command wrote."""
