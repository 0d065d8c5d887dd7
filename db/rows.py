"""Every row of every table as JSON values and back, the same from SQLite and MySQL."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from db.tables import metadata, outbox_event, pruned_event

BATCH = 500


def tables() -> list[Table]:
    return list(metadata.sorted_tables)


def read(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """In the order of the primary key."""
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=BATCH).execute(query).mappings():
        yield {name: _plain(value) for name, value in row.items()}


def write(connection: Connection, table: Table, values: list[dict[str, Any]]) -> None:
    """Insert rows as `db.backup_values.typed` gives them."""
    if values:
        connection.execute(insert(table), values)


def empty(connection: Connection, table: Table) -> None:
    connection.execute(delete(table))


def empty_sequences(connection: Connection) -> None:
    """On SQLite sequences begin anew; on MySQL that is no part of a transaction: `continue_sequences`."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("DELETE FROM sqlite_sequence"))


def continue_sequences(connection: Connection) -> None:
    """A `seq` that was pruned is never given again, although no row of the outbox has it any more.

    On MySQL this ends the transaction.
    """
    highest = max(connection.scalar(select(func.max(each.c.seq))) or 0 for each in (pruned_event, outbox_event))
    if not highest:
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
