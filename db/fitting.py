"""Check that rows fit their table on both databases, because SQLite would store what MySQL refuses or rounds.

This is the last guard: the domain checks a command earlier and with a better sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache, partial
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table

from db.prepared import JsonText
from db.tables import Exact
from domain import contract
from domain.errors import InvalidField, TooLarge
from domain.message import Message, extract_message

_FindMisfit = Callable[[Any], Message | None]
"""Says why a value does not fit its column, None when it does."""


def check_row(table: Table, row: Mapping[str, Any]) -> None:
    """Check a row against the types of its table's columns. Raise InvalidField naming the column."""
    for name, nullable, find_misfit in _list_checks(table):
        value = row.get(name)
        if value is None:
            if not nullable and name in row:
                raise InvalidField(name, Message("field.required"))
            continue
        reason = find_misfit(value)
        if reason is not None:
            raise InvalidField(name, reason)


@cache
def _list_checks(table: Table) -> tuple[tuple[str, bool, _FindMisfit], ...]:
    """Return each column's name, whether it may be empty, and its check. Every command asks for them."""
    return tuple((column.name, bool(column.nullable), _choose_check(column)) for column in table.columns)


def check_outbox_row(table: Table, row: Mapping[str, Any]) -> JsonText:
    """Check an outbox row without `seq`, its payload a dict, and return the payload as JSON text.

    Raise InvalidField naming the column, or TooLarge.
    """
    check_row(table, row)
    for name, value in row.items():
        if name != "payload" and not (name == "traceparent" and value is None):
            try:
                contract.check_column(name, value)
            except contract.ContractError as error:
                raise InvalidField(name, extract_message(error)) from None
    payload = json.dumps(row["payload"], ensure_ascii=False)
    if problem := contract.payload_size_problem(payload):
        raise TooLarge(problem)
    try:
        contract.read_payload(payload)
    except contract.ContractError as error:
        raise InvalidField("payload", extract_message(error)) from None
    return JsonText(payload)


def _choose_check(column: Column[Any]) -> _FindMisfit:
    kind = column.type
    if isinstance(kind, Exact):
        return partial(_find_number_misfit, kind)
    if isinstance(kind, String) and kind.length is not None:
        return partial(_find_text_misfit, kind.length)
    if isinstance(kind, Integer):
        return partial(_find_integer_misfit, 2**63 - 1 if isinstance(kind, BigInteger) else 2**31 - 1)
    return lambda value: None


def _find_text_misfit(length: int, value: Any) -> Message | None:
    fits = isinstance(value, str) and len(value) <= length
    return None if fits else Message("field.text", n=length)


def _find_integer_misfit(highest: int, value: Any) -> Message | None:
    fits = type(value) is int and -highest - 1 <= value <= highest
    return None if fits else Message("field.integer", n=highest)


def _find_number_misfit(kind: Exact, value: Any) -> Message | None:
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else None
    if not isinstance(exponent, int):  # NaN and infinity have a letter there
        return Message("field.finite_decimal")
    fits = abs(value) < 10 ** (kind.precision - kind.scale) and value == round(value, kind.scale)
    return None if fits else Message("field.digits", n=kind.precision - kind.scale, m=kind.scale)
