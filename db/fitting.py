"""Check that rows fit their table on both databases, because SQLite would store what MySQL refuses or rounds.

This is the last guard: the domain checks a command earlier and with a better sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table

from db.tables import Exact
from domain import contract
from domain.errors import InvalidField, TooLarge
from domain.message import Message, extract_message


def check_row(table: Table, row: Mapping[str, Any]) -> None:
    """Check a row against the types of its table's columns. Raise InvalidField naming the column."""
    for column in _columns_of(table):
        value = row.get(column.name)
        if value is None:
            if column.name in row and not column.nullable:
                raise InvalidField(column.name, Message("field.required"))
            continue
        reason = _find_misfit(column, value)
        if reason is not None:
            raise InvalidField(column.name, reason)


@cache
def _columns_of(table: Table) -> tuple[Column[Any], ...]:
    """Return the columns as a tuple: to iterate over SQLAlchemy's collection takes longer than to check them."""
    return tuple(table.columns)


def check_outbox_row(table: Table, row: Mapping[str, Any]) -> None:
    """Check an outbox row without `seq`, its payload a dict. Raise InvalidField naming the column, or TooLarge."""
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


def _find_misfit(column: Column[Any], value: Any) -> Message | None:
    kind = column.type
    if isinstance(kind, Exact):
        return _find_number_misfit(kind, value)
    if isinstance(kind, String) and kind.length is not None:
        fits = isinstance(value, str) and len(value) <= kind.length
        return None if fits else Message("field.text", n=kind.length)
    if isinstance(kind, Integer):
        highest = 2**63 - 1 if isinstance(kind, BigInteger) else 2**31 - 1
        fits = type(value) is int and -highest - 1 <= value <= highest
        return None if fits else Message("field.integer", n=highest)
    return None


def _find_number_misfit(kind: Exact, value: Any) -> Message | None:
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else None
    if not isinstance(exponent, int):  # NaN and infinity have a letter there
        return Message("field.finite_decimal")
    fits = abs(value) < 10 ** (kind.precision - kind.scale) and value == round(value, kind.scale)
    return None if fits else Message("field.digits", n=kind.precision - kind.scale, m=kind.scale)
