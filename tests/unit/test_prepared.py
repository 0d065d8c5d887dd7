"""A prepared insert writes what SQLAlchemy's own insert writes, and fails with the same exceptions."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError

from db.engine import connect
from db.hops import _WRITE
from db.prepared import PreparedInsert
from db.tables import commission, outbox_event
from tests.fakes import NOON


def row(number: int) -> dict[str, Any]:
    return {
        "id": f"e-{number}",
        "aggregate_type": "commission",
        "aggregate_id": f"c-{number}",
        "aggregate_version": 1,
        "type": "CommissionCalculated",
        "version": 1,
        "payload": {"amount": "12.05", "name": "ñ"},
        "correlation_id": "run-1",
        "traceparent": None,
        "occurred_at": NOON,
    }


def read(connection: Connection) -> list[dict[str, Any]]:
    columns = [column for column in outbox_event.columns if column.name != "seq"]
    return [dict(each) for each in connection.execute(select(*columns).order_by(outbox_event.c.seq)).mappings()]


def test_rows_are_read_as_they_were_inserted(engine: Engine) -> None:
    prepared = PreparedInsert(outbox_event)
    with engine.begin() as connection:
        connection.execute(insert(outbox_event), [row(1)])
        prepared.execute(connection, row(2))
        prepared.execute_all(connection, [row(3), row(4)])
    with engine.connect() as connection:
        assert read(connection) == [row(number) for number in (1, 2, 3, 4)]


def test_a_second_row_of_a_unique_key_is_an_integrity_error(engine: Engine) -> None:
    prepared = PreparedInsert(outbox_event)
    with engine.begin() as connection:
        prepared.execute(connection, row(1))
        with pytest.raises(IntegrityError):
            prepared.execute_all(connection, [row(2), row(1)])


def test_a_row_without_a_column_is_refused(engine: Engine) -> None:
    incomplete = row(1)
    del incomplete["payload"]
    with engine.begin() as connection, pytest.raises(KeyError, match="payload"):
        PreparedInsert(outbox_event).execute(connection, incomplete)


def test_each_database_has_its_own_words_and_placeholders(engine: Engine) -> None:
    assert "ON CONFLICT (event_id) DO UPDATE" in _WRITE._get_plan(engine.dialect)[0]
    dialect = connect("mysql+pymysql://nobody@127.0.0.1/none").dialect
    assert "ON DUPLICATE KEY UPDATE" in _WRITE._get_plan(dialect)[0]
    text, columns = PreparedInsert(commission)._get_plan(dialect)
    assert text.count("%s") == len(columns) == len(commission.columns)
