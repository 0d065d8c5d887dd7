"""Test the aggregate alone: CALCULATED, then APPROVED, with one version and one event for each change."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from domain.changes.approve import CommissionApproved, approve
from domain.changes.calculate import CommissionCalculated, create_commission
from domain.commission import Commission
from domain.money import Currency, Money
from tests.fakes import NOON

LATER = NOON + timedelta(hours=1)


def calculated(gross: str = "120.50", rate: str = "0.10") -> Commission:
    return create_commission(
        commission_id="com-1",
        conversion_id="conv-1",
        affiliate_id="aff-1",
        campaign_id="cmp-1",
        gross=Money(Decimal(gross), Currency("USD", 2)),
        rate=Decimal(rate),
        now=NOON,
    )


def test_a_calculated_commission_has_version_one_and_a_complete_event() -> None:
    commission = calculated()
    assert (commission.status, commission.version) == ("CALCULATED", 1)
    assert commission.created_at == commission.updated_at == NOON
    assert commission.events == [
        CommissionCalculated(
            commission_id="com-1",
            aggregate_version=1,
            occurred_at=NOON,
            conversion_id="conv-1",
            affiliate_id="aff-1",
            campaign_id="cmp-1",
            gross_amount=Decimal("120.50"),
            rate=Decimal("0.10"),
            amount=Decimal("12.05"),
            currency="USD",
        )
    ]


def test_an_approval_increases_the_version_and_its_event_carries_it() -> None:
    commission = calculated()
    assert approve(commission, LATER) is True
    assert (commission.status, commission.version) == ("APPROVED", 2)
    assert (commission.created_at, commission.updated_at) == (NOON, LATER)
    assert commission.events[1:] == [
        CommissionApproved(
            commission_id="com-1",
            aggregate_version=2,
            occurred_at=LATER,
            conversion_id="conv-1",
            amount=Decimal("12.05"),
            currency="USD",
        )
    ]


def test_a_repeated_approval_changes_neither_version_nor_time_nor_events() -> None:
    commission = calculated()
    approve(commission, LATER)
    before = list(commission.events)
    assert approve(commission, LATER + timedelta(hours=1)) is False
    assert (commission.version, commission.updated_at, commission.events) == (2, LATER, before)


def test_a_rate_of_zero_gives_an_amount_of_zero() -> None:
    assert str(calculated(rate="0").amount) == "0.00"


def test_event_names_on_the_wire_are_fixed() -> None:
    assert (CommissionCalculated.type, CommissionCalculated.version) == ("CommissionCalculated", 1)
    assert (CommissionApproved.type, CommissionApproved.version) == ("CommissionApproved", 1)
