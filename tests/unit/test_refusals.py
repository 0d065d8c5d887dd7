"""Test that every refusal of the domain has its own type and writes nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from domain import contract
from domain.changes.approve import APPROVE_ATTEMPTS
from domain.commands import ApproveCommission, CalculateCommission, Command
from domain.commission import Commission
from domain.errors import ConcurrentChange, DuplicateConversion, InvalidField, Refusal, UnknownCommission
from domain.mediator import Mediator
from tests.fakes import MemoryCommissions, MemoryUnitOfWork, Store, dependencies

CALCULATE = CalculateCommission("conv-1", "aff-1", "cmp-1", "120.50", "USD")
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
LONGEST = "x" * contract.IDENTIFIER_LENGTH


class Recorded(MemoryUnitOfWork):
    """Notes under which correlation id and trace it was committed."""

    commits: list[tuple[str, str | None]]

    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        self.commits.append((correlation_id, traceparent))
        return super().commit(correlation_id, traceparent)


class World:
    def __init__(self) -> None:
        self.store = Store()
        self.commits: list[tuple[str, str | None]] = []
        self.units = 0
        self.mediator = Mediator(self._unit, dependencies())

    def _unit(self) -> Recorded:
        self.units += 1
        unit = Recorded(self.store)
        unit.commits = self.commits
        return unit

    def refuses(self, command: Command, kind: type[Refusal]) -> Refusal:
        before = copy.deepcopy(self.store)
        commits = len(self.commits)
        with pytest.raises(kind) as refused:
            self.mediator.send(command)
        assert type(refused.value) is kind
        assert self.store == before
        assert len(self.commits) == commits
        return refused.value


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (replace(CALCULATE, conversion_id=""), "conversionId"),
        (replace(CALCULATE, conversion_id=LONGEST + "x"), "conversionId"),
        (replace(CALCULATE, conversion_id="-starts-with-a-dash"), "conversionId"),
        (replace(CALCULATE, affiliate_id="line\nbreak"), "affiliateId"),
        (replace(CALCULATE, affiliate_id="aff-1\n"), "affiliateId"),
        (replace(CALCULATE, campaign_id="campaña"), "campaignId"),
        (replace(CALCULATE, campaign_id="\ud800"), "campaignId"),
        (replace(CALCULATE, currency=""), "currency"),
        (replace(CALCULATE, currency="EURO"), "currency"),
        (replace(CALCULATE, gross_amount="NaN"), "grossAmount"),
        (replace(CALCULATE, gross_amount=0), "grossAmount"),
        (replace(CALCULATE, correlation_id=""), "correlationId"),
        (replace(CALCULATE, correlation_id="a b"), "correlationId"),
        (ApproveCommission(""), "commissionId"),
        (ApproveCommission("a" * 65), "commissionId"),
        (ApproveCommission("c-1", correlation_id="'; --"), "correlationId"),
    ],
)
def test_an_invalid_field_is_named_and_leaves_no_trace(world: World, command: Command, field: str) -> None:
    refusal = world.refuses(command, InvalidField)
    assert isinstance(refusal, InvalidField)
    assert refusal.field == field
    assert str(refusal) == f"{field}: {refusal.reason}"


def test_a_duplicate_conversion_leaves_the_first_commission_as_it_is(world: World) -> None:
    first = world.mediator.send(CALCULATE)
    refusal = world.refuses(replace(CALCULATE, gross_amount="1.00"), DuplicateConversion)
    assert isinstance(refusal, DuplicateConversion)
    assert (refusal.conversion_id, refusal.commission_id) == ("conv-1", first.commission_id)


def test_an_unknown_commission_is_named(world: World) -> None:
    refusal = world.refuses(ApproveCommission("nobody"), UnknownCommission)
    assert isinstance(refusal, UnknownCommission)
    assert refusal.reference == "nobody"


def test_repeated_conflicts_are_refused_and_write_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commission_id = world.mediator.send(CALCULATE).commission_id
    tried: list[str] = []

    def always_beaten(commissions: MemoryCommissions, commission: Commission) -> None:
        tried.append(commission.id)
        raise ConcurrentChange(commission.id)

    monkeypatch.setattr(MemoryCommissions, "save", always_beaten)
    refusal = world.refuses(ApproveCommission(commission_id), ConcurrentChange)
    assert isinstance(refusal, ConcurrentChange)
    assert refusal.commission_id == commission_id
    assert len(tried) == APPROVE_ATTEMPTS


@pytest.mark.parametrize("failing", ["add", "save"])
def test_a_failure_before_the_commit_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    first = world.mediator.send(CALCULATE)
    before, commits = copy.deepcopy(world.store), list(world.commits)

    def broken(commissions: MemoryCommissions, commission: Commission) -> None:
        raise OSError("disk")

    monkeypatch.setattr(MemoryCommissions, failing, broken)
    command = replace(CALCULATE, conversion_id="conv-2") if failing == "add" else ApproveCommission(first.commission_id)
    with pytest.raises(OSError, match="disk"):
        world.mediator.send(command)
    assert (world.store, world.commits) == (before, commits)


def test_the_longest_id_is_accepted(world: World) -> None:
    assert world.mediator.send(replace(CALCULATE, conversion_id=LONGEST)).conversion_id == LONGEST


def test_each_command_has_its_own_unit_of_work(world: World) -> None:
    first = world.mediator.send(CALCULATE)
    world.mediator.send(ApproveCommission(first.commission_id))
    assert world.units == 2


@pytest.mark.parametrize(
    "command_of",
    [
        lambda commission: CalculateCommission("conv-2", "aff-1", "cmp-1", "1.00", "USD", "run-7", TRACE),
        lambda commission: ApproveCommission(commission, "run-7", TRACE),
    ],
    ids=["calculate", "approve"],
)
def test_correlation_id_and_trace_go_into_the_outbox_with_the_events(
    world: World, command_of: Callable[[str], Command]
) -> None:
    first = world.mediator.send(CALCULATE)
    world.mediator.send(command_of(first.commission_id))
    assert world.commits[1] == ("run-7", TRACE)


def test_a_command_without_a_correlation_id_gets_a_new_one(world: World) -> None:
    world.mediator.send(CALCULATE)
    world.mediator.send(replace(CALCULATE, conversion_id="conv-2"))
    (first, _), (second, _) = world.commits
    assert first != second
