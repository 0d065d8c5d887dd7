"""What a value of a back-up must be to stand in a column, the same for SQLite and MySQL: judged before anything is changed."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, LargeBinary, String, Table, Text

from db.tables import Exact

INTEGER = 2**31
BIG_INTEGER = 2**63
TEXT_BYTES = 65_535
LARGEST_BYTES = 64 * 1024 * 1024
"""Of one value; what is larger no message of this system carried."""
DEEPEST = 100
"""MySQL's limit of a JSON document."""


class Unfit(ValueError):
    """A value does not fit its column; `str(error)` names the column and says why."""


def typed(table: Table, row: dict[str, Any], foreign: bool = False) -> dict[str, Any]:
    """The row's values as the database takes them. Raises Unfit.

    `foreign` rows were written by others, to a database that knows no lengths of texts (SQLite): those may be longer.
    """
    unknown = sorted(row.keys() - set(table.c.keys()))
    if unknown:
        raise Unfit(f"there is no column {unknown[0]}")
    values = {}
    for column in table.c:
        if column.name in row:
            values[column.name] = _value(column, row[column.name], foreign)
        elif not column.nullable and column.server_default is None:
            raise Unfit(f"column {column.name} is missing")
    return values


def _value(column: Column[Any], value: Any, foreign: bool) -> Any:
    if value is None:
        if column.nullable:
            return None
        raise Unfit(f"column {column.name} is null, which it may not be")
    try:
        if foreign and type(column.type) is String:
            return _text(value, LARGEST_BYTES)
        return _read(column.type, value)
    except (ValueError, TypeError, InvalidOperation, RecursionError) as error:
        raise Unfit(f"column {column.name}: {error or type(error).__name__}") from None


def _read(kind: Any, value: Any) -> Any:
    if isinstance(kind, DateTime):
        return _instant(value)
    if isinstance(kind, Exact):
        return _decimal(kind, value)
    if isinstance(kind, LargeBinary):
        return base64.b64decode(_text(value, LARGEST_BYTES), validate=True)
    if isinstance(kind, JSON):
        return _json(value)
    if isinstance(kind, Integer):
        return _integer(value, BIG_INTEGER if isinstance(kind, BigInteger) else INTEGER)
    if isinstance(kind, Text):
        text = _text(value, TEXT_BYTES)
        if len(text.encode()) > TEXT_BYTES:
            raise ValueError(f"it has more than {TEXT_BYTES} bytes")
        return text
    if isinstance(kind, String) and kind.length:
        return _text(value, kind.length)
    raise TypeError(f"values of type {kind} are not known")


def _instant(value: Any) -> datetime:
    at = datetime.fromisoformat(_text(value, 64))
    if at.tzinfo is not None or at.year < 1000:
        raise ValueError(f"{value} is no time in UTC without a zone")
    return at


def _decimal(kind: Exact, value: Any) -> Decimal:
    number = Decimal(_text(value, 64))
    if not number.is_finite():
        raise ValueError(f"{value} is no number")
    exponent = number.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    if places > kind.scale or number.adjusted() >= kind.precision - kind.scale:
        raise ValueError(f"{value} does not fit {kind.precision} digits with {kind.scale} of them behind the point")
    return number


def _integer(value: Any, bound: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    if not -bound <= value < bound:
        raise ValueError(f"{value} is out of range")
    return value


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    if len(value) > most:
        raise ValueError(f"it has {len(value)} characters, and {most} is the most")
    value.encode("utf-8")  # half a surrogate is no character
    return value


def _json(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(text.encode("utf-8")) > LARGEST_BYTES:
        raise ValueError("it is too large")
    if _depth(value) > DEEPEST:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    return value


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        some, depth = waiting.pop()
        deepest = max(deepest, depth)
        inner = some.values() if isinstance(some, dict) else some if isinstance(some, list) else ()
        waiting.extend((each, depth + 1) for each in inner)
    return deepest
