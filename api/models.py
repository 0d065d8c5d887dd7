"""Define the bodies of requests and answers, with the names of the original description and money as JSON strings."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from db.queries import CommissionRow
from domain import contract
from domain.commands import CommissionResult
from domain.money import MAX_AMOUNT

ID_PATTERN = f"^{contract.IDENTIFIER_PATTERN}$"
Identifier = Annotated[str, Field(min_length=1, max_length=contract.IDENTIFIER_LENGTH, pattern=ID_PATTERN)]


def _check_amount(value: Any) -> Any:
    if isinstance(value, contract.UnusableNumber):
        raise ValueError(f"must be a number from 0 to {MAX_AMOUNT}, not {value.literal}")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("must be a number, or a text that holds one")
    if isinstance(value, str) and len(value) > 40:
        raise ValueError("must be a decimal number of at most 40 characters")
    return value


Amount = Annotated[
    str | int | Decimal,
    BeforeValidator(_check_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": int(MAX_AMOUNT)},
                {"type": "string", "pattern": r"^(?!0+(\.0+)?$)[0-9]{1,15}(\.[0-9]{1,4})?$"},
            ],
            "description": "Positive, at most 15 integer digits and as many decimals as the currency has.",
        }
    ),
]


class Body(BaseModel):
    """The body of a command. Unknown fields are refused, and values are not converted to another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CalculateBody(Body):
    conversionId: Identifier = Field(examples=["3f0e2b1c-6f6e-4f0e-9f53-0b7c2c9f1a11"])
    affiliateId: Identifier = Field(examples=["aff-1"])
    campaignId: Identifier = Field(examples=["cmp-1"])
    grossAmount: Amount = Field(examples=[120.5])
    currency: str = Field(min_length=3, max_length=3, pattern="^[A-Z]{3}$", examples=["USD"])


class ApproveBody(Body):
    commissionId: Identifier


class CommandAnswer(BaseModel):
    commissionId: str
    conversionId: str
    status: str
    amount: str = Field(description="in the currency's minor units, as text")
    currency: str
    rate: str
    version: int
    changed: bool = Field(description="false when the commission was in that state already and nothing was written")
    eventIds: list[str] = Field(description="ids of the outbox rows written in the same transaction")

    @classmethod
    def from_result(cls, result: CommissionResult) -> CommandAnswer:
        return cls(
            commissionId=result.commission_id,
            conversionId=result.conversion_id,
            status=result.status,
            amount=f"{result.amount:f}",
            currency=result.currency,
            rate=f"{result.rate.normalize():f}",
            version=result.version,
            changed=result.changed,
            eventIds=list(result.event_ids),
        )


class CommissionAnswer(BaseModel):
    commissionId: str
    conversionId: str
    affiliateId: str
    campaignId: str
    grossAmount: str
    rate: str
    amount: str
    currency: str
    status: str
    version: int
    createdAt: datetime
    updatedAt: datetime

    @classmethod
    def from_row(cls, row: CommissionRow) -> CommissionAnswer:
        return cls(
            commissionId=row.id,
            conversionId=row.conversion_id,
            affiliateId=row.affiliate_id,
            campaignId=row.campaign_id,
            grossAmount=f"{row.gross_amount:f}",
            rate=f"{row.rate:f}",
            amount=f"{row.amount:f}",
            currency=row.currency,
            status=row.status,
            version=row.version,
            createdAt=row.created_at.replace(tzinfo=UTC),
            updatedAt=row.updated_at.replace(tzinfo=UTC),
        )
