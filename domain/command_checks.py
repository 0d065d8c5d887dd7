"""Check the fields of commands. Each function raises InvalidField, which names the field."""

from __future__ import annotations

from domain import contract
from domain.errors import InvalidField
from domain.message import Message, extract_message
from domain.money import Currency
from domain.ports import Currencies, Dependencies


def check_identifier(field: str, value: str) -> str:
    try:
        contract.check_identifier(value)
    except contract.ContractError as error:
        raise InvalidField(field, extract_message(error)) from None
    return value


def find_currency(code: str, currencies: Currencies) -> Currency:
    currency = currencies.get(code)
    if currency is None:
        raise InvalidField("currency", Message("field.currency"))
    return currency


def choose_correlation_id(value: str | None, deps: Dependencies) -> str:
    return deps.new_id() if value is None else check_identifier("correlationId", value)


def check_traceparent(value: str | None) -> str | None:
    if value is not None and not contract.is_traceparent(value):
        raise InvalidField("traceparent", Message("field.traceparent"))
    return value
