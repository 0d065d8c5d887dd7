"""Commands through the mediator, on a unit of work in memory: every refusal is typed and leaves no trace."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.changes.approve import CommissionApproved
from domain.changes.calculate import CommissionCalculated
from domain.commands import ApproveCommission, CalculateCommission, CommissionResult
from domain.commission import Commission
from domain.errors import ConcurrentChange, DuplicateConversion, InvalidField, UnknownCommission
from domain.mediator import Mediator
from tests.fakes import MemoryCommissions, MemoryUnitOfWork, Store, dependencies


def commission(conversion: str = "conv-1", gross: str = "120.50", **changes: str) -> CalculateCommission:
    values = {"affiliate_id": "aff-1", "campaign_id": "cmp-1", "currency": "USD", **changes}
    return CalculateCommission(conversion_id=conversion, gross_amount=gross, **values)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def mediator(store: Store) -> Mediator:
    return Mediator(lambda: MemoryUnitOfWork(store), dependencies())


def test_calculating_writes_the_commission_and_its_event(mediator: Mediator, store: Store) -> None:
    result = mediator.send(commission())
    assert (result.status, result.amount, result.rate, result.version) == (
        "CALCULATED",
        Decimal("12.05"),
        Decimal("0.10"),
        1,
    )
    assert list(store.commissions) == [result.commission_id]
    (event,) = store.outbox
    assert isinstance(event, CommissionCalculated)
    assert event.payload() == {
        "commissionId": result.commission_id,
        "conversionId": "conv-1",
        "affiliateId": "aff-1",
        "campaignId": "cmp-1",
        "grossAmount": "120.50",
        "rate": "0.1",
        "amount": "12.05",
        "currency": "USD",
    }


def test_a_campaign_may_have_its_own_rate(mediator: Mediator) -> None:
    assert mediator.send(commission(campaign_id="cmp-quarter")).amount == Decimal("30.13")


def test_approving_writes_the_second_event_in_order(mediator: Mediator, store: Store) -> None:
    approved = mediator.send(ApproveCommission(mediator.send(commission()).commission_id))
    assert (approved.status, approved.version, approved.changed) == ("APPROVED", 2, True)
    assert [(type(event), event.aggregate_version) for event in store.outbox] == [
        (CommissionCalculated, 1),
        (CommissionApproved, 2),
    ]


def test_a_repeated_approval_changes_nothing(mediator: Mediator, store: Store) -> None:
    first = mediator.send(commission())
    mediator.send(ApproveCommission(first.commission_id))
    again = mediator.send(ApproveCommission(first.commission_id))
    assert (again.changed, again.version, again.event_ids, len(store.outbox)) == (False, 2, (), 2)


def test_a_second_calculation_of_a_conversion_is_refused_and_names_its_commission(
    mediator: Mediator, store: Store
) -> None:
    first = mediator.send(commission())
    with pytest.raises(DuplicateConversion) as refused:
        mediator.send(commission(gross="99"))
    assert refused.value.commission_id == first.commission_id
    assert len(store.commissions) == len(store.outbox) == 1


def test_an_unknown_commission_cannot_be_approved(mediator: Mediator, store: Store) -> None:
    with pytest.raises(UnknownCommission):
        mediator.send(ApproveCommission("nobody"))
    assert not store.outbox


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"conversion": ""}, "conversionId"),
        ({"conversion": "x" * 65}, "conversionId"),
        ({"conversion": "a b"}, "conversionId"),
        ({"affiliate_id": ""}, "affiliateId"),
        ({"campaign_id": "<script>"}, "campaignId"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"gross": "-1"}, "grossAmount"),
        ({"gross": "1.001"}, "grossAmount"),
    ],
)
def test_the_refusal_of_a_field_names_it_and_nothing_is_written(
    mediator: Mediator, store: Store, changes: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        mediator.send(commission(**changes))
    assert refused.value.field == field
    assert not store.commissions
    assert not store.outbox


def test_after_a_conflict_the_commission_is_read_again_and_is_approved_already(
    mediator: Mediator, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = mediator.send(commission())
    save = MemoryCommissions.save
    raced: list[CommissionResult] = []

    def beaten(commissions: MemoryCommissions, changed: Commission) -> None:
        if not raced:
            monkeypatch.setattr(MemoryCommissions, "save", save)
            raced.append(mediator.send(ApproveCommission(first.commission_id)))
            raise ConcurrentChange(changed.id)
        save(commissions, changed)

    monkeypatch.setattr(MemoryCommissions, "save", beaten)
    late = mediator.send(ApproveCommission(first.commission_id))
    assert (raced[0].changed, late.changed, late.status) == (True, False, "APPROVED")
    assert len(store.outbox) == 2


def test_a_command_without_a_handler_raises_a_lookup_error(mediator: Mediator) -> None:
    with pytest.raises(LookupError, match="no handler for str"):
        mediator.send("approve")  # type: ignore[arg-type]
