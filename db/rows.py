"""Every row of every table as JSON values and back, the same from SQLite and MySQL."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, DateTime, LargeBinary, Table, delete, func, insert, select, text

from db.tables import Exact, metadata, pruned_event

BATCH = 500


def tables() -> list[Table]:
    return list(metadata.sorted_tables)


def read(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """In the order of the primary key."""
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=BATCH).execute(query).mappings():
        yield {name: _plain(value) for name, value in row.items()}


def write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Raises KeyError for a column the table has not."""
    if rows:
        connection.execute(insert(table), [{name: _typed(table, name, row[name]) for name in row} for row in rows])


def empty(connection: Connection, table: Table) -> None:
    connection.execute(delete(table))


def continue_sequences(connection: Connection) -> None:
    """A `seq` that was pruned is never given again, although no row of the outbox has it any more."""
    highest = connection.scalar(select(func.max(pruned_event.c.seq)))
    if highest is None:
        return
    if connection.dialect.name == "mysql":
        connection.execute(text(f"ALTER TABLE outbox_event AUTO_INCREMENT = {int(highest) + 1}"))
        return
    values = {"seq": highest}
    changed = connection.execute(
        text("UPDATE sqlite_sequence SET seq = max(seq, :seq) WHERE name = 'outbox_event'"), values
    )
    if not changed.rowcount:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox_event', :seq)"), values)


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat(timespec="microseconds")
        case Decimal():
            return f"{value:f}"
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case _:
            return value


def _typed(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if value is None:
        return None
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, Exact):
        return Decimal(value)
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    return value
