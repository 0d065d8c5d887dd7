"""Test that a database of the first schema is migrated to the newest one and keeps every row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, select, text

from application import Application
from db import queries
from db.migrate import newest, revision, upgrade
from db.tables import event_timing, metadata
from domain.commands import ApproveCommission
from settings import Settings

AT = datetime(2026, 1, 2, 3, 4, 5, 678901)
ROWS: dict[str, dict[str, Any]] = {
    "commission": {
        "id": "c-1", "conversion_id": "conv-1", "affiliate_id": "aff-1", "campaign_id": "cmp-1", "gross_amount": "120.5000",
        "rate": "0.100000", "amount": "12.0500", "currency": "USD", "status": "CALCULATED", "version": 1,
        "created_at": AT, "updated_at": AT,
    },
    "outbox_event": {
        "seq": 7, "id": "e-1", "aggregate_type": "commission", "aggregate_id": "c-1", "aggregate_version": 1,
        "type": "CommissionCalculated", "version": 1, "payload": '{"commissionId": "c-1"}', "correlation_id": "run-1",
        "traceparent": None, "occurred_at": AT,
    },
    "notification": {
        "seq": 3, "event_id": "e-1", "commission_id": "c-1", "aggregate_version": 1, "type": "CommissionCalculated",
        "payload": '{"commissionId": "c-1"}', "correlation_id": "run-1", "consumer": "notifications", "occurred_at": AT,
        "notified_at": AT,
    },
    "processed_message": {
        "seq": 5, "event_id": "e-1", "topic": "t", "message_id": "(1,2,-1,-1)", "redelivery_count": 0,
        "outcome": "applied", "correlation_id": "run-1", "consumer": "notifications", "received_at": AT,
    },
    "hop_time": {"event_id": "e-1", "hop": "committed", "at_us": 1767322000000000, "clock": "host"},
    "dead_letter": {
        "seq": 1, "topic": "t", "message_id": "(1,3,-1,-1)", "message_key": None, "payload": b"\x00bad", "properties": "{}",
        "event_id": None, "correlation_id": None, "reason": "not_an_envelope", "detail": "why", "attempts": 1,
        "dead_lettered_at": AT, "requeued_at": None,
    },
    "relay_checkpoint": {"name": "relay", "seq": 7, "updated_at": AT},
}  # fmt: skip


@pytest.fixture
def first_schema(empty_database: Engine) -> Engine:
    upgrade(empty_database, "0001")
    with empty_database.begin() as connection:
        for table, row in ROWS.items():
            columns = ", ".join(row)
            places = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), _bound(connection, row))
    return empty_database


def _bound(connection: Any, row: dict[str, Any]) -> dict[str, Any]:
    """SQLite keeps times as text, as the program writes them."""
    if connection.dialect.name == "mysql":
        return row
    return {
        name: f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value for name, value in row.items()
    }


def test_every_row_of_the_first_schema_is_kept(first_schema: Engine, tmp_path: Path) -> None:
    before = _rows(first_schema, ROWS)
    hop_times = before.pop("hop_time")
    assert hop_times == [("e-1", "committed", 1767322000000000, "host")]
    upgrade(first_schema)
    with first_schema.connect() as connection:
        assert revision(connection) == newest() != "0001"
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        timings = [tuple(row) for row in connection.execute(select(event_timing))]
    assert timings == [("e-1", 1767322000000000, None, None, None, None)]
    assert _rows(first_schema, before) == before
    url = first_schema.url.render_as_string(hide_password=False)
    with Application(Settings(home=tmp_path, stack="external", database_url=url), pool_size=1) as application:
        assert application.send(ApproveCommission("c-1")).changed
        with application.reading() as connection:
            found = queries.commission_by_conversion(connection, "conv-1")
            newest_row, oldest_row = queries.recent_outbox(connection)
            assert queries.outbox_ids(connection) == {newest_row.id, "e-1"}
    assert found is not None
    assert (found.status, str(found.amount), found.version) == ("APPROVED", "12.05", 2)
    assert (oldest_row.seq, oldest_row.occurred_at) == (7, AT)
    assert newest_row.seq > 7


def _rows(engine: Engine, tables: Iterable[str]) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {
            table: [tuple(row) for row in connection.execute(text(f"SELECT {', '.join(ROWS[table])} FROM {table}"))]
            for table in tables
        }
