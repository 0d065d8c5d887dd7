"""Define column types that read rows of other programs: SQLite accepts any value in any column, and readers must not fail.

Each type writes like its standard type and reads any value. They serve counting, comparing and showing; the relay reads the
raw values instead, to judge them (`db.outbox`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    cast,
    type_coerce,
)
from sqlalchemy.engine import Dialect

UNREADABLE_TIME = datetime(1970, 1, 1)
"""The value of a time column that does not hold a time."""
UNREADABLE_INTEGER = 0
"""The value of an integer column that does not hold an integer. Versions begin with 1."""


def to_text(value: Any) -> str | None:
    """Return the value of a text column as text, bytes as hexadecimal digits."""
    if value is None or isinstance(value, str):
        return value
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def to_time(value: Any) -> datetime | None:
    """Return the value of a time column of SQLite as naive UTC; None when it is no time."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


class _ForeignType(TypeDecorator[Any]):
    """A type whose results only `read` converts, because the standard conversion would raise."""

    read: Callable[[Any], Any]

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:
        return type(self).read


class ForeignString(_ForeignType):
    impl = String
    cache_ok = True
    read = staticmethod(to_text)


class ForeignText(_ForeignType):
    impl = Text
    cache_ok = True
    read = staticmethod(to_text)


def _to_integer(value: Any) -> int | None:
    return value if value is None or type(value) is int else UNREADABLE_INTEGER


class ForeignInteger(_ForeignType):
    impl = Integer
    cache_ok = True
    read = staticmethod(_to_integer)


def _to_time(value: Any) -> datetime | None:
    return None if value is None else to_time(value) or UNREADABLE_TIME


class ForeignInstant(_ForeignType):
    impl = DateTime
    cache_ok = True
    read = staticmethod(_to_time)


def _to_document(value: Any) -> Any:
    try:
        document = json.loads(value) if isinstance(value, str | bytes) else value
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else {"unreadable": (to_text(value) or "")[:200]}


class ForeignDocument(_ForeignType):
    """A JSON object. Any other value is read as an object with the member `unreadable`, which has the text's beginning."""

    impl = JSON
    cache_ok = True
    read = staticmethod(_to_document)


def _decode(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class _ReadAsBytes(_ForeignType):
    """A JSON column of MySQL, which keeps the second half of a surrogate pair: three bytes that the driver cannot decode."""

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return type_coerce(cast(column, LargeBinary), self)


class MySqlDocument(_ReadAsBytes):
    impl = JSON
    cache_ok = True

    @staticmethod
    def read(value: Any) -> Any:
        return _to_document(_decode(value))


class MySqlDocumentText(_ReadAsBytes):
    impl = Text
    cache_ok = True
    read = staticmethod(_decode)


DOCUMENT = JSON().with_variant(ForeignDocument(), "sqlite").with_variant(MySqlDocument(), "mysql")
DOCUMENT_TEXT = ForeignText().with_variant(MySqlDocumentText(), "mysql")
"""The text of a DOCUMENT, also of one that cannot be parsed."""
