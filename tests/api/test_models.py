"""Test the bodies of requests and answers: what a command's body may hold, and how amounts and times are written."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from api.models import ApproveBody, CalculateBody, CommandAnswer, CommissionAnswer
from db.queries import CommissionRow
from domain.change import CommissionResult
from domain.contract import UnusableNumber

CALCULATE: dict[str, Any] = {
    "conversionId": "conv-1",
    "affiliateId": "aff-1",
    "campaignId": "cmp-1",
    "grossAmount": Decimal("120.50"),
    "currency": "USD",
}


def refusal(**changes: Any) -> tuple[str, str]:
    """Return the field that is refused, and why."""
    with pytest.raises(ValidationError) as refused:
        CalculateBody(**{**CALCULATE, **changes})
    (error,) = refused.value.errors()
    return ".".join(map(str, error["loc"])), error["msg"]


@pytest.mark.parametrize("amount", [Decimal("120.50"), 120, "120.50"])
def test_an_amount_arrives_as_it_was_sent(amount: object) -> None:
    """The domain reads it; a conversion here might round it."""
    taken = CalculateBody(**{**CALCULATE, "grossAmount": amount}).grossAmount
    assert (taken, type(taken)) == (amount, type(amount))


@pytest.mark.parametrize(
    ("amount", "why"),
    [
        (True, "must be a number"),
        (120.5, "must be a number"),
        (None, "must be a number"),
        ([1], "must be a number"),
        ("1" * 41, "at most 40 characters"),
        (UnusableNumber("1e999999"), "not 1e999999"),
    ],
)
def test_an_unusable_amount_is_refused(amount: object, why: str) -> None:
    field, message = refusal(grossAmount=amount)
    assert field == "grossAmount"
    assert why in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conversionId", "-begins-with-a-dash"),
        ("conversionId", ""),
        ("affiliateId", 7),
        ("campaignId", "a b"),
        ("currency", "usd"),
        ("currency", "US"),
        ("note", "one field too many"),
    ],
)
def test_a_body_that_is_not_exact_is_refused(field: str, value: object) -> None:
    assert refusal(**{field: value})[0] == field


def test_the_id_of_an_approval_has_the_form_of_an_id() -> None:
    assert ApproveBody(commissionId="a:b/c@d+e-f.g_h").commissionId == "a:b/c@d+e-f.g_h"
    with pytest.raises(ValidationError):
        ApproveBody(commissionId="x" * 65)


def test_an_answer_writes_amount_and_rate_without_exponent_or_spare_zeros() -> None:
    result = CommissionResult(
        commission_id="c-1",
        conversion_id="conv-1",
        status="CALCULATED",
        amount=Decimal("1E+3"),
        currency="JPY",
        rate=Decimal("0.100000"),
        version=1,
        changed=True,
        event_ids=("e-1",),
    )
    answer = CommandAnswer.from_result(result)
    assert (answer.amount, answer.rate, answer.eventIds, answer.changed) == ("1000", "0.1", ["e-1"], True)


def test_a_rate_of_one_is_not_written_as_a_power_of_ten() -> None:
    row = _row(rate=Decimal("1.000000"), amount=Decimal("0.00"))
    assert CommissionAnswer.from_row(row).amount == "0.00"
    result = CommissionResult("c", "v", "CALCULATED", Decimal(1), "USD", Decimal(10), 1, False, ())
    assert CommandAnswer.from_result(result).rate == "10"


def test_times_of_an_answer_say_that_they_are_utc() -> None:
    answer = json.loads(CommissionAnswer.from_row(_row()).model_dump_json())
    assert (answer["createdAt"], answer["updatedAt"]) == ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:06Z")


def _row(**changes: Any) -> CommissionRow:
    values: dict[str, Any] = {
        "id": "c-1",
        "conversion_id": "conv-1",
        "affiliate_id": "aff-1",
        "campaign_id": "cmp-1",
        "gross_amount": Decimal("120.5000"),
        "rate": Decimal("0.100000"),
        "amount": Decimal("12.0500"),
        "currency": "USD",
        "status": "APPROVED",
        "version": 2,
        "created_at": datetime(2026, 1, 2, 3, 4, 5, 678901),
        "updated_at": datetime(2026, 1, 2, 3, 4, 6),
    }
    return CommissionRow(**{**values, **changes})
