"""Delete the rows of the outbox as careless operators do, and put them back at the end of the run.

The copy of the rows is in no binlog, and is taken in the moment of the deletion: nothing else sees it, and no row is missing.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from settings import Settings
from stacks.native.root import as_root

COPY = "outbox_event_kept"
MAKE_COPY = f"CREATE TABLE IF NOT EXISTS {COPY} LIKE outbox_event"
UNLOGGED = "SET SESSION sql_log_bin = 0"
DELETE = ("DELETE FROM outbox_event",)
TRUNCATE = ("TRUNCATE TABLE outbox_event", "ALTER TABLE outbox_event AUTO_INCREMENT = {next_seq}")
"""After TRUNCATE, `seq` would begin at 1 again, below what was captured."""


def delete_rows(settings: Settings, statements: tuple[str, ...], correlation_id: str) -> set[str]:
    """Delete all rows of the outbox and return the ids of those of a correlation id. Raises DatabaseUnavailable."""
    with as_root(settings) as connection:
        _run(connection, UNLOGGED, MAKE_COPY)
        _run(connection, f"LOCK TABLES outbox_event WRITE, {COPY} WRITE")
        try:
            of_run = text("SELECT id FROM outbox_event WHERE correlation_id = :correlation_id")
            event_ids = set(connection.scalars(of_run, {"correlation_id": correlation_id}))
            _run(connection, f"INSERT IGNORE INTO {COPY} SELECT * FROM outbox_event")
            next_seq = (connection.scalar(text(f"SELECT MAX(seq) FROM {COPY}")) or 0) + 1
            _run(connection, "SET SESSION sql_log_bin = 1", *(line.format(next_seq=next_seq) for line in statements))
        finally:
            _run(connection, "UNLOCK TABLES")
    return event_ids


def make_copy_table(settings: Settings) -> None:
    """Make the table of copies, unless it exists, in no binlog. Raises DatabaseUnavailable."""
    with as_root(settings) as connection:
        _run(connection, UNLOGGED, MAKE_COPY)


def copy_rows(connection: Connection, correlation_id: str) -> None:
    """Copy the rows of a correlation id, in the connection's transaction."""
    copy = f"INSERT IGNORE INTO {COPY} SELECT * FROM outbox_event WHERE correlation_id = :correlation_id"
    connection.execute(text(copy), {"correlation_id": correlation_id})


def put_rows_back(settings: Settings) -> None:
    """Put back every row that was deleted, without a line in the binlog. Raises DatabaseUnavailable."""
    with as_root(settings) as connection:
        _run(connection, UNLOGGED, MAKE_COPY)
        _run(connection, f"INSERT IGNORE INTO outbox_event SELECT * FROM {COPY}", f"DROP TABLE {COPY}")


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))
