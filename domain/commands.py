"""What can be asked of the domain, and what is answered."""

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
    """Groups the events of one request or run; made up when absent."""
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
    """The commission after the command."""

    commission_id: str
    conversion_id: str
    status: str
    amount: Decimal
    currency: str
    rate: Decimal
    version: int
    changed: bool
    """False when the command found its work done and wrote nothing."""
    event_ids: tuple[str, ...]
    """Ids of the outbox rows written with it."""
