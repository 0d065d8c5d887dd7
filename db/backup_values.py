"""Check the values of a back-up against the columns, alike for SQLite and MySQL, before a restore changes anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, LargeBinary, String, Table, Text

from db.currencies import IsoCurrencies
from db.tables import Exact, commission
from domain.changes import event_types

INTEGER = 2**31
BIG_INTEGER = 2**63
TEXT_BYTES = 65_535
MAX_BYTES = 64 * 1024 * 1024
"""Largest size of one value. No message of this system is larger."""
MAX_DEPTH = 100
"""MySQL's limit of a JSON document."""


class Unfit(ValueError):
    """A value does not fit its column; `str(error)` names the column and says why."""


def convert_row(table: Table, row: dict[str, Any], foreign: Collection[str] = ()) -> dict[str, Any]:
    """Return the row's values as the database accepts them. Raise Unfit.

    `foreign` names the columns that hold what other programs wrote. SQLite does not limit the length of a text, so theirs
    may be longer, and their JSON may hold the escape of half a surrogate pair.
    """
    unknown = sorted(row.keys() - set(table.c.keys()))
    if unknown:
        raise Unfit(f"there is no column {unknown[0]}")
    values = {}
    for column in table.c:
        if column.name in row:
            values[column.name] = _convert(column, row[column.name], column.name in foreign)
        elif not column.nullable and column.server_default is None:
            raise Unfit(f"column {column.name} is missing")
    if table is commission:
        _check_commission(values)
    return values


def _check_commission(values: dict[str, Any]) -> None:
    statuses = sorted(event.status for event in event_types().values())
    if values["status"] not in statuses:
        raise Unfit(f"column status: {values['status']!a} is none of {', '.join(statuses)}")
    if values["version"] < 1:
        raise Unfit(f"column version: {values['version']} is below 1")
    for name in ("gross_amount", "rate", "amount"):
        if values[name] < 0:
            raise Unfit(f"column {name}: {values[name]} is negative")
    if IsoCurrencies().get(values["currency"]) is None:
        raise Unfit(f"column currency: {values['currency']!a} is no currency of ISO 4217")


def _convert(column: Column[Any], value: Any, foreign: bool) -> Any:
    if value is None:
        if column.nullable:
            return None
        raise Unfit(f"column {column.name} may not be null")
    try:
        if foreign and type(column.type) is String:
            return _check_text(value, MAX_BYTES)
        if foreign and isinstance(column.type, JSON):
            return _check_json(value, "surrogatepass")
        return _convert_to(column.type, value)
    except (ValueError, TypeError, InvalidOperation, RecursionError) as error:
        raise Unfit(f"column {column.name}: {error or type(error).__name__}") from None


def _convert_to(kind: Any, value: Any) -> Any:
    if isinstance(kind, DateTime):
        return _parse_time(value)
    if isinstance(kind, Exact):
        return _parse_decimal(kind, value)
    if isinstance(kind, LargeBinary):
        return base64.b64decode(_check_text(value, MAX_BYTES), validate=True)
    if isinstance(kind, JSON):
        return _check_json(value)
    if isinstance(kind, Integer):
        return _check_integer(value, BIG_INTEGER if isinstance(kind, BigInteger) else INTEGER)
    if isinstance(kind, Text):
        text = _check_text(value, TEXT_BYTES)
        if len(text.encode()) > TEXT_BYTES:
            raise ValueError(f"it has more than {TEXT_BYTES} bytes")
        return text
    if isinstance(kind, String) and kind.length:
        return _check_text(value, kind.length)
    raise TypeError(f"columns of type {kind} are not supported")


def _parse_time(value: Any) -> datetime:
    at = datetime.fromisoformat(_check_text(value, 64))
    if at.tzinfo is not None or at.year < 1000:
        raise ValueError(f"{value} is no time in UTC without a zone")
    return at


def _parse_decimal(kind: Exact, value: Any) -> Decimal:
    number = Decimal(_check_text(value, 64))
    if not number.is_finite():
        raise ValueError(f"{value} is no number")
    exponent = number.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    if places > kind.scale or number.adjusted() >= kind.precision - kind.scale:
        raise ValueError(f"{value} does not fit {kind.precision} digits with {kind.scale} of them behind the point")
    return number


def _check_integer(value: Any, bound: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    if not -bound <= value < bound:
        raise ValueError(f"{value} is out of range")
    return value


def _check_text(value: Any, max_length: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    if len(value) > max_length:
        raise ValueError(f"it has {len(value)} characters, and at most {max_length} are allowed")
    value.encode("utf-8")  # raises for half a surrogate pair
    return value


def _check_json(value: Any, errors: str = "strict") -> Any:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(text.encode("utf-8", errors)) > MAX_BYTES:  # "strict" raises for half a surrogate pair
        raise ValueError("it is too large")
    if _measure_depth(value) > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    return value


def _measure_depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        deepest = max(deepest, depth)
        members = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        waiting.extend((member, depth + 1) for member in members)
    return deepest
