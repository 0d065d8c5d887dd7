"""Reading rows that somebody else wrote: SQLite keeps any value in any column, and one such value must stop no reader.

Each type here writes as the type it stands for and reads whatever is there. What the relay needs to judge a row it reads
raw (`db.outbox`); these are for counting, comparing and showing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Integer, String, Text, TypeDecorator
from sqlalchemy.engine import Dialect

UNREADABLE_TIME = datetime(1970, 1, 1)
"""Read where a time column holds no time."""
UNREADABLE_INTEGER = 0
"""Read where an integer column holds no integer; versions begin with 1."""


def text_of(value: Any) -> str | None:
    """What a text column holds, as text; bytes in hexadecimal digits."""
    if value is None or isinstance(value, str):
        return value
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def instant_of(value: Any) -> datetime | None:
    """Naive UTC of what a time column of SQLite holds; None where it is no time."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


class _Reading(TypeDecorator[Any]):
    """A type whose results go through `read` alone: the type's own processor would raise."""

    read: Callable[[Any], Any]

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:
        return type(self).read


class ForeignString(_Reading):
    impl = String
    cache_ok = True
    read = staticmethod(text_of)


class ForeignText(_Reading):
    impl = Text
    cache_ok = True
    read = staticmethod(text_of)


def _integer(value: Any) -> int | None:
    return value if value is None or type(value) is int else UNREADABLE_INTEGER


class ForeignInteger(_Reading):
    impl = Integer
    cache_ok = True
    read = staticmethod(_integer)


def _instant(value: Any) -> datetime | None:
    return None if value is None else instant_of(value) or UNREADABLE_TIME


class ForeignInstant(_Reading):
    impl = DateTime
    cache_ok = True
    read = staticmethod(_instant)


def _document(value: Any) -> Any:
    try:
        document = json.loads(value) if isinstance(value, str | bytes) else value
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else {"unreadable": (text_of(value) or "")[:200]}


class ForeignDocument(_Reading):
    """A JSON object; one member `unreadable` with the text's beginning where it is none."""

    impl = JSON
    cache_ok = True
    read = staticmethod(_document)
