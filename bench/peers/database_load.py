"""Read what publishers make the database do: differences of MySQL's own counters, and the growth of its binlog."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

COUNTERS = {
    "Questions": "statements",
    "Com_commit": "commits",
    "Innodb_rows_read": "rows_read",
    "Innodb_rows_inserted": "rows_inserted",
    "Innodb_rows_updated": "rows_updated",
    "Innodb_rows_deleted": "rows_deleted",
    "Bytes_sent": "bytes_sent",
}
"""Name of MySQL's counter → name here."""


@dataclass(frozen=True, slots=True)
class DatabaseLoad:
    """What the server did in some time, or for each event of it."""

    statements: float
    commits: float
    rows_read: float
    rows_inserted: float
    rows_updated: float
    rows_deleted: float
    bytes_sent: float
    """To all clients, the readers of the binlog included."""
    binlog_bytes: float

    def __sub__(self, before: DatabaseLoad) -> DatabaseLoad:
        """Return what happened since `before`, without the one statement that read the counters."""
        values = {name: getattr(self, name) - getattr(before, name) for name in self.__slots__}
        return DatabaseLoad(**values | {"statements": max(0, values["statements"] - 1)})

    def per(self, number: float) -> DatabaseLoad:
        """Return this divided by a number of events or of seconds."""
        return DatabaseLoad(**{name: round(getattr(self, name) / number, 2) for name in self.__slots__})


def read_load(connection: Connection, data: Path) -> DatabaseLoad:
    """Return the counters since the server's start, in one statement; `data` is the server's folder."""
    names = ", ".join(f"'{name}'" for name in COUNTERS)
    rows = connection.execute(text(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})"))
    values = {COUNTERS[str(name)]: float(value) for name, value in rows}
    binlog_bytes = sum(file.stat().st_size for file in data.glob("mysql-bin.[0-9]*"))
    return DatabaseLoad(**values, binlog_bytes=float(binlog_bytes))
