"""Read the rows that a reconciliation pairs, as the driver returns them and in the order of their writing.

The columns are not converted: most rows agree, and comparing them as they are costs a fraction of converting them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, Select, select, type_coerce
from sqlalchemy.types import NullType

from db.foreign import DOCUMENT_TEXT
from db.tables import notification, outbox_event, pruned_event

PAGE = 1000
SEQ = 7
"""The place of `seq` in an outbox row and in a notification."""
Row = tuple[Any, ...]


class UndecodableText(Exception):
    """A row has text that is not UTF-8; every reader of pages may raise it."""


def read_committed_pages(connection: Connection) -> Iterator[list[Row]]:
    """Yield outbox rows by `seq`: id, commission, number, type, payload, correlation id, time, `seq`, schema version."""
    table = outbox_event.c
    identity = (table.id, table.aggregate_id, table.aggregate_version, table.type)
    payload = type_coerce(table.payload, DOCUMENT_TEXT)
    query = select(*map(_raw, identity), payload, *map(_raw, (table.correlation_id, table.occurred_at)), table.seq)
    return _read_pages(connection, query.add_columns(_raw(table.version)), table.seq)


def read_notified_pages(connection: Connection) -> Iterator[list[Row]]:
    """Yield notifications by `seq`: the same first columns as an outbox row's, `seq`, consumer, time of the notification."""
    table = notification.c
    identity = (table.event_id, table.commission_id, table.aggregate_version, table.type)
    more = (table.payload, table.correlation_id, table.occurred_at, table.seq, table.consumer, table.notified_at)
    return _read_pages(connection, select(*map(_raw, (*identity, *more))), table.seq)


def read_pruned_pages(connection: Connection) -> Iterator[list[Row]]:
    """Yield the ids of pruned outbox rows by their `seq`."""
    query = select(_raw(pruned_event.c.event_id)).order_by(pruned_event.c.seq)
    with connection.execution_options(yield_per=PAGE).execute(query) as result:
        yield from (list(map(tuple, page)) for page in result.partitions())


def _raw(column: Column[Any]) -> Any:
    return type_coerce(column, NullType())


def _read_pages(connection: Connection, query: Select[Any], seq: Column[int]) -> Iterator[list[Row]]:
    """Read page by page, because the driver of MySQL has one unbuffered result at a time, and ours would wait in another."""
    following = query.order_by(seq).limit(PAGE)
    after = -1
    while True:
        statement = following.where(seq > after).compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        page = _fetch(connection, str(statement))
        if not page:
            return
        after = page[-1][SEQ]
        yield page


def _fetch(connection: Connection, statement: str) -> list[Row]:
    driver: Any = connection.connection.driver_connection
    is_sqlite = connection.dialect.name == "sqlite"
    decode = driver.text_factory if is_sqlite else None
    try:
        if is_sqlite:
            driver.text_factory = str  # the usual one is a call for each text, which would be half of the whole cost
        with connection.exec_driver_sql(statement) as result:
            assert result.cursor is not None
            return list(result.cursor.fetchall())
    except sqlite3.OperationalError as error:
        if "decode" in str(error):
            raise UndecodableText(str(error)) from error
        raise
    finally:
        if is_sqlite:
            driver.text_factory = decode
