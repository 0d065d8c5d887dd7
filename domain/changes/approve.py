"""Approve a commission. An approved commission stays approved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from domain.change import Change, CommissionResult
from domain.command_checks import check_identifier, check_traceparent, choose_correlation_id
from domain.commission import Commission
from domain.errors import ConcurrentChange, UnknownCommission
from domain.ports import Dependencies, UnitOfWork

APPROVE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ApproveCommission:
    commission_id: str
    correlation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class CommissionApproved:
    type: ClassVar[str] = "CommissionApproved"
    version: ClassVar[int] = 1
    status: ClassVar[str] = "APPROVED"

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


def approve_commission(command: ApproveCommission, uow: UnitOfWork, deps: Dependencies) -> CommissionResult:
    """Approve a commission. Raise InvalidField, UnknownCommission, or ConcurrentChange after `APPROVE_ATTEMPTS` conflicts."""
    commission_id = check_identifier("commissionId", command.commission_id)
    correlation_id = choose_correlation_id(command.correlation_id, deps)
    traceparent = check_traceparent(command.traceparent)
    for _ in range(APPROVE_ATTEMPTS):
        try:
            return _approve_once(commission_id, correlation_id, traceparent, uow, deps)
        except ConcurrentChange:
            # The other transaction most likely approved it: after another read the answer is `changed: false`.
            continue
    raise ConcurrentChange(commission_id)


def approve(commission: Commission, now: datetime) -> bool:
    """Approve the commission. Return False, and change nothing, when it is approved already."""
    if commission.status == CommissionApproved.status:
        return False
    commission.apply(
        CommissionApproved(
            commission_id=commission.id,
            aggregate_version=commission.version + 1,
            occurred_at=now,
            conversion_id=commission.conversion_id,
            amount=commission.amount.amount,
            currency=commission.amount.currency.code,
        )
    )
    return True


def _approve_once(
    commission_id: str, correlation_id: str, traceparent: str | None, uow: UnitOfWork, deps: Dependencies
) -> CommissionResult:
    with uow:
        commission = uow.commissions.get(commission_id)
        if commission is None:
            raise UnknownCommission(commission_id)
        if not approve(commission, deps.clock()):
            return CommissionResult.of(commission, ())
        uow.commissions.save(commission)
        event_ids = uow.commit(correlation_id, traceparent)
    return CommissionResult.of(commission, event_ids)


CHANGE = Change("approve", ApproveCommission, CommissionApproved, approve_commission)
