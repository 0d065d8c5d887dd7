"""Handle commands, with one function for each: validate, let the aggregate decide, commit."""

from __future__ import annotations

from dataclasses import dataclass

from domain import contract
from domain.commands import ApproveCommission, CalculateCommission, CommissionResult
from domain.commission import Commission
from domain.errors import ConcurrentChange, InvalidField, UnknownCommission
from domain.message import Message, said_by
from domain.money import Currency, parse_gross
from domain.ports import Clock, Currencies, NewId, Rates, UnitOfWork

APPROVE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What every handler needs besides its command and the unit of work."""

    clock: Clock
    new_id: NewId
    currencies: Currencies
    rates: Rates


def calculate_commission(command: CalculateCommission, uow: UnitOfWork, deps: Dependencies) -> CommissionResult:
    """Calculate the commission of a conversion. Raise InvalidField or DuplicateConversion."""
    conversion_id = _check_identifier("conversionId", command.conversion_id)
    affiliate_id = _check_identifier("affiliateId", command.affiliate_id)
    campaign_id = _check_identifier("campaignId", command.campaign_id)
    gross = parse_gross(command.gross_amount, _find_currency(command.currency, deps.currencies))
    correlation_id = _choose_correlation_id(command.correlation_id, deps)
    traceparent = _check_traceparent(command.traceparent)
    with uow:
        commission = Commission.calculate(
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
    return _build_result(commission, event_ids)


def approve_commission(command: ApproveCommission, uow: UnitOfWork, deps: Dependencies) -> CommissionResult:
    """Approve a commission. Raise InvalidField, UnknownCommission, or ConcurrentChange after `APPROVE_ATTEMPTS` conflicts."""
    commission_id = _check_identifier("commissionId", command.commission_id)
    correlation_id = _choose_correlation_id(command.correlation_id, deps)
    traceparent = _check_traceparent(command.traceparent)
    for _ in range(APPROVE_ATTEMPTS):
        try:
            return _approve_once(commission_id, correlation_id, traceparent, uow, deps)
        except ConcurrentChange:
            # The other transaction most likely approved it: after another read the answer is `changed: false`.
            continue
    raise ConcurrentChange(commission_id)


def _approve_once(
    commission_id: str, correlation_id: str, traceparent: str | None, uow: UnitOfWork, deps: Dependencies
) -> CommissionResult:
    with uow:
        commission = uow.commissions.get(commission_id)
        if commission is None:
            raise UnknownCommission(commission_id)
        if not commission.approve(deps.clock()):
            return _build_result(commission, ())
        uow.commissions.save(commission)
        event_ids = uow.commit(correlation_id, traceparent)
    return _build_result(commission, event_ids)


def _build_result(commission: Commission, event_ids: tuple[str, ...]) -> CommissionResult:
    return CommissionResult(
        commission_id=commission.id,
        conversion_id=commission.conversion_id,
        status=commission.status.value,
        amount=commission.amount.amount,
        currency=commission.amount.currency.code,
        rate=commission.rate,
        version=commission.version,
        changed=bool(event_ids),
        event_ids=event_ids,
    )


def _check_identifier(field: str, value: str) -> str:
    try:
        contract.check_identifier(value)
    except contract.ContractError as error:
        raise InvalidField(field, said_by(error)) from None
    return value


def _find_currency(code: str, currencies: Currencies) -> Currency:
    currency = currencies.get(code)
    if currency is None:
        raise InvalidField("currency", Message("field.currency"))
    return currency


def _choose_correlation_id(value: str | None, deps: Dependencies) -> str:
    return deps.new_id() if value is None else _check_identifier("correlationId", value)


def _check_traceparent(value: str | None) -> str | None:
    if value is not None and not contract.is_traceparent(value):
        raise InvalidField("traceparent", Message("field.traceparent"))
    return value
