"""Convert the rows of all tables to JSON values and back, alike for SQLite and MySQL."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from db.tables import metadata, outbox_event, pruned_event, relay_checkpoint

BATCH = 500


def tables() -> list[Table]:
    return list(metadata.sorted_tables)


def read(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Yield a table's rows as JSON values, in the order of the primary key."""
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=BATCH).execute(query).mappings():
        yield {name: _to_json_value(value) for name, value in row.items()}


def write(connection: Connection, table: Table, values: list[dict[str, Any]]) -> None:
    """Insert rows that `db.backup_values.convert_row` returned."""
    if values:
        connection.execute(insert(table), values)


def delete_rows(connection: Connection, table: Table) -> None:
    connection.execute(delete(table))


def reset_sequences(connection: Connection) -> None:
    """Let sequences begin again on SQLite. On MySQL no transaction can do so; see `continue_sequences`."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("DELETE FROM sqlite_sequence"))


def continue_sequences(connection: Connection) -> None:
    """Let the outbox continue after the highest `seq`, so that the `seq` of a pruned row is never assigned again, and after
    the relay's checkpoint, so that the relay reaches every new row.

    On MySQL this ends the transaction.
    """
    highest = max(
        connection.scalar(select(func.max(table.c.seq))) or 0
        for table in (pruned_event, outbox_event, relay_checkpoint)
    )
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


def _to_json_value(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat(timespec="microseconds")
        case Decimal():
            return f"{value:f}"
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case _:
            return value
