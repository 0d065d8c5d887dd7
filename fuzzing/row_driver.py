"""Insert rows of `outbox_event` with the database's bare driver, so that no type of ours checks the values."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import Any, Protocol

import pymysql
from sqlalchemy import make_url

from fuzzing.inputs import Row, Undecodable
from fuzzing.outcomes import Declined, Inserted
from settings import Settings

LOCKED = (1205, 1213)
CONNECTION_LOST = (2006, 2013, 2055)
ATTEMPTS = 20


class RowDriver(Protocol):
    """A driver for one thread."""

    def send(self, row: Row) -> Inserted | Declined: ...

    def close(self) -> None: ...


def row_driver(settings: Settings) -> RowDriver:
    """Return the driver for the instance's database."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return _Sqlite(str(url.database))
    fields = ("host", "port", "password", "database")
    return _MySql({name: getattr(url, name) for name in fields} | {"user": url.username})


class _Sqlite:
    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def send(self, row: Row) -> Inserted | Declined:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        placeholders = ", ".join(
            "CAST(? AS TEXT)" if isinstance(value, Undecodable) else "?" for _, value in row.values
        )
        values = [value.value if isinstance(value, Undecodable) else value for _, value in row.values]
        names = ", ".join(name for name, _ in row.values)
        try:
            result = self._connection.execute(f"INSERT INTO outbox_event ({names}) VALUES ({placeholders})", values)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            return Declined(str(error))
        return Inserted(_text(dict(row.values).get("id")), int(result.lastrowid or 0))


class _MySql:
    def __init__(self, address: dict[str, Any]) -> None:
        self._address = address
        self._connection: Any = None

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(pymysql.MySQLError):
                self._connection.close()
            self._connection = None

    def send(self, row: Row) -> Inserted | Declined:
        names = ", ".join(name for name, _ in row.values)
        values = [value.value if isinstance(value, Undecodable) else value for _, value in row.values]
        statement = f"INSERT INTO outbox_event ({names}) VALUES ({', '.join(['%s'] * len(values))})"
        for _ in range(ATTEMPTS):
            try:
                return self._insert(statement, values, _text(dict(row.values).get("id")))
            except pymysql.MySQLError as error:
                code = error.args[0] if error.args else 0
                if code not in (*LOCKED, *CONNECTION_LOST):
                    return Declined(str(error))
                self.close()
                time.sleep(0.2)
            except (UnicodeEncodeError, ValueError) as error:
                return Declined(str(error))
        return Declined(f"the database was locked or unavailable in {ATTEMPTS} attempts")

    def _insert(self, statement: str, values: list[Any], event_id: str) -> Inserted:
        if self._connection is None:
            self._connection = pymysql.connect(**self._address, charset="utf8mb4", autocommit=True)
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return Inserted(event_id, int(cursor.lastrowid))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
