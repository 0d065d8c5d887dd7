"""Define the aggregate `Commission`. Its status goes from CALCULATED to APPROVED and never back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.events import CommissionApproved, CommissionCalculated, Event
from domain.money import Money


class Status(StrEnum):
    CALCULATED = "CALCULATED"
    APPROVED = "APPROVED"


@dataclass(slots=True)
class Commission:
    id: str
    conversion_id: str
    affiliate_id: str
    campaign_id: str
    gross: Money
    rate: Decimal
    amount: Money
    status: Status
    version: int
    """1 after calculation, one more with each change. It is the optimistic lock, and it orders the events."""
    created_at: datetime
    updated_at: datetime
    events: list[Event] = field(default_factory=list)
    """Events of this unit of work that are not in the outbox yet."""

    @classmethod
    def calculate(
        cls,
        *,
        commission_id: str,
        conversion_id: str,
        affiliate_id: str,
        campaign_id: str,
        gross: Money,
        rate: Decimal,
        now: datetime,
    ) -> Commission:
        """Return a new commission with its event `CommissionCalculated`. Its amount is gross × rate, rounded half-up."""
        commission = cls(
            id=commission_id,
            conversion_id=conversion_id,
            affiliate_id=affiliate_id,
            campaign_id=campaign_id,
            gross=gross,
            rate=rate,
            amount=gross.times(rate),
            status=Status.CALCULATED,
            version=1,
            created_at=now,
            updated_at=now,
        )
        commission.events.append(
            CommissionCalculated(
                commission_id=commission_id,
                aggregate_version=1,
                occurred_at=now,
                conversion_id=conversion_id,
                affiliate_id=affiliate_id,
                campaign_id=campaign_id,
                gross_amount=gross.amount,
                rate=rate,
                amount=commission.amount.amount,
                currency=gross.currency.code,
            )
        )
        return commission

    def approve(self, now: datetime) -> bool:
        """Approve the commission. Return False, and change nothing, when it is approved already."""
        if self.status is Status.APPROVED:
            return False
        self.status = Status.APPROVED
        self.version += 1
        self.updated_at = now
        self.events.append(
            CommissionApproved(
                commission_id=self.id,
                aggregate_version=self.version,
                occurred_at=now,
                conversion_id=self.conversion_id,
                amount=self.amount.amount,
                currency=self.amount.currency.code,
            )
        )
        return True
