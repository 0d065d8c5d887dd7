"""Calculate the commission of a conversion. Its amount is gross × rate, rounded half-up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from domain.change import Change, CommissionResult
from domain.command_checks import check_identifier, check_traceparent, choose_correlation_id, find_currency
from domain.commission import Commission
from domain.money import Money, parse_gross, strip_zeros
from domain.ports import Dependencies, UnitOfWork


@dataclass(frozen=True, slots=True)
class CalculateCommission:
    conversion_id: str
    affiliate_id: str
    campaign_id: str
    gross_amount: Decimal | str | int
    currency: str
    correlation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class CommissionCalculated:
    type: ClassVar[str] = "CommissionCalculated"
    version: ClassVar[int] = 1
    status: ClassVar[str] = "CALCULATED"

    commission_id: str
    aggregate_version: int
    occurred_at: datetime
    conversion_id: str
    affiliate_id: str
    campaign_id: str
    gross_amount: Decimal
    rate: Decimal
    amount: Decimal
    currency: str

    def payload(self) -> dict[str, Any]:
        return {
            "commissionId": self.commission_id,
            "conversionId": self.conversion_id,
            "affiliateId": self.affiliate_id,
            "campaignId": self.campaign_id,
            "grossAmount": f"{self.gross_amount:f}",
            "rate": f"{strip_zeros(self.rate):f}",
            "amount": f"{self.amount:f}",
            "currency": self.currency,
        }


def calculate_commission(command: CalculateCommission, uow: UnitOfWork, deps: Dependencies) -> CommissionResult:
    """Calculate the commission of a conversion. Raise InvalidField or DuplicateConversion."""
    conversion_id = check_identifier("conversionId", command.conversion_id)
    affiliate_id = check_identifier("affiliateId", command.affiliate_id)
    campaign_id = check_identifier("campaignId", command.campaign_id)
    gross = parse_gross(command.gross_amount, find_currency(command.currency, deps.currencies))
    correlation_id = choose_correlation_id(command.correlation_id, deps)
    traceparent = check_traceparent(command.traceparent)
    with uow:
        commission = create_commission(
            commission_id=deps.new_id(),
            conversion_id=conversion_id,
            affiliate_id=affiliate_id,
            campaign_id=campaign_id,
            gross=gross,
            rate=deps.rates.of(campaign_id),
            now=deps.clock(),
        )
        uow.commissions.add(commission)
        event_ids = uow.commit(correlation_id, traceparent)
    return CommissionResult.of(commission, event_ids)


def create_commission(
    *,
    commission_id: str,
    conversion_id: str,
    affiliate_id: str,
    campaign_id: str,
    gross: Money,
    rate: Decimal,
    now: datetime,
) -> Commission:
    """Return a new commission with its event `CommissionCalculated`."""
    commission = Commission(
        id=commission_id,
        conversion_id=conversion_id,
        affiliate_id=affiliate_id,
        campaign_id=campaign_id,
        gross=gross,
        rate=rate,
        amount=gross.times(rate),
        created_at=now,
        updated_at=now,
    )
    commission.apply(
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


CHANGE = Change("calculate", CalculateCommission, CommissionCalculated, calculate_commission)
