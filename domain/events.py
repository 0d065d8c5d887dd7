"""Define the events of a commission. Messages and tables name them by `type` and `version`, never by the class."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from domain.money import strip_zeros

AGGREGATE_TYPE = "commission"


@dataclass(frozen=True, slots=True)
class CommissionCalculated:
    type: ClassVar[str] = "CommissionCalculated"
    version: ClassVar[int] = 1

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


@dataclass(frozen=True, slots=True)
class CommissionApproved:
    type: ClassVar[str] = "CommissionApproved"
    version: ClassVar[int] = 1

    commission_id: str
    aggregate_version: int
    occurred_at: datetime
    conversion_id: str
    amount: Decimal
    currency: str

    def payload(self) -> dict[str, Any]:
        return {
            "commissionId": self.commission_id,
            "conversionId": self.conversion_id,
            "amount": f"{self.amount:f}",
            "currency": self.currency,
        }


Event = CommissionCalculated | CommissionApproved
