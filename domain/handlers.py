"""One function a command: `(command, unit of work, …)`. They validate, let the aggregate decide, and commit."""

from __future__ import annotations

from dataclasses import dataclass

from domain import contract
from domain.commands import ApproveCommission, CalculateCommission, CommissionResult
from domain.commission import Commission
from domain.errors import ConcurrentChange, InvalidField, UnknownCommission
from domain.money import Currency, parse_gross
from domain.ports import Clock, Currencies, NewId, Rates, UnitOfWork

APPROVE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What handlers are given besides the command and the unit of work."""

    clock: Clock
    new_id: NewId
    currencies: Currencies
    rates: Rates


def calculate_commission(command: CalculateCommission, uow: UnitOfWork, around: Surroundings) -> CommissionResult:
    """Raises InvalidField or DuplicateConversion."""
    conversion_id = _identifier("conversionId", command.conversion_id)
    affiliate_id = _identifier("affiliateId", command.affiliate_id)
    campaign_id = _identifier("campaignId", command.campaign_id)
    gross = parse_gross(command.gross_amount, _currency(command.currency, around.currencies))
    correlation_id = _correlation(command.correlation_id, around)
    traceparent = _traceparent(command.traceparent)
    with uow:
        commission = Commission.calculate(
            commission_id=around.new_id(),
            conversion_id=conversion_id,
            affiliate_id=affiliate_id,
            campaign_id=campaign_id,
            gross=gross,
            rate=around.rates.of(campaign_id),
            now=around.clock(),
        )
        uow.commissions.add(commission)
        event_ids = uow.commit(correlation_id, traceparent)
    return _result(commission, event_ids)


def approve_commission(command: ApproveCommission, uow: UnitOfWork, around: Surroundings) -> CommissionResult:
    """Raises InvalidField, UnknownCommission, or ConcurrentChange when it lost the race every time it tried."""
    commission_id = _identifier("commissionId", command.commission_id)
    correlation_id = _correlation(command.correlation_id, around)
    traceparent = _traceparent(command.traceparent)
    for _ in range(APPROVE_ATTEMPTS):
        try:
            return _approve_once(commission_id, correlation_id, traceparent, uow, around)
        except ConcurrentChange:
            # Whoever won has most likely approved it: reading again turns the conflict into `changed: false`.
            continue
    raise ConcurrentChange(commission_id)


def _approve_once(
    commission_id: str, correlation_id: str, traceparent: str | None, uow: UnitOfWork, around: Surroundings
) -> CommissionResult:
    with uow:
        commission = uow.commissions.get(commission_id)
        if commission is None:
            raise UnknownCommission(commission_id)
        if not commission.approve(around.clock()):
            return _result(commission, ())
        uow.commissions.save(commission)
        event_ids = uow.commit(correlation_id, traceparent)
    return _result(commission, event_ids)


def _result(commission: Commission, event_ids: tuple[str, ...]) -> CommissionResult:
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


def _identifier(field: str, value: str) -> str:
    try:
        contract.check_identifier(value)
    except contract.ContractError as error:
        raise InvalidField(field, str(error)) from None
    return value


def _currency(code: str, currencies: Currencies) -> Currency:
    currency = currencies.get(code)
    if currency is None:
        raise InvalidField("currency", "must be an ISO 4217 code such as USD")
    return currency


def _correlation(value: str | None, around: Surroundings) -> str:
    return around.new_id() if value is None else _identifier("correlationId", value)


def _traceparent(value: str | None) -> str | None:
    if value is not None and not contract.is_traceparent(value):
        raise InvalidField("traceparent", "must be a W3C traceparent such as 00-<32 hex digits>-<16 hex digits>-01")
    return value
