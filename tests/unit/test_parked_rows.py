"""Test malformed outbox rows: each is parked or sent, none hides another, and every reader continues."""

from __future__ import annotations

import json
import sqlite3
import uuid
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from connectors.broker import Publisher
from connectors.relay import Relay
from db import contents, dead_letter_queries, lookups, outbox, queries
from db.engine import READ
from db.outbox import OutboxFeed
from domain import contract
from domain.outbox import OutboxRecord
from stacks.reset import _count_unnotified
from tests.fakes import FakePublisher

PARKED: list[dict[str, Any]] = [
    {"payload": b""},
    {"id": b"\x01\x02"},
    {"id": "x" * 108},
    {"type": b"CommissionCalculated"},
    {"type": "two\nlines"},
    {"correlation_id": b"\xff"},
    {"aggregate_id": ""},
    {"aggregate_version": "two"},
    {"aggregate_version": 0},
    {"version": 1.5},
    {"version": 2**62},
    {"traceparent": b"00"},
    {"occurred_at": "yesterday"},
    {"occurred_at": 2026},
    {"occurred_at": b"2026-01-01"},
    {"occurred_at": "0001-01-01 00:00:00"},
    {"payload": b"{}"},
    {"payload": "x" * 1_100_000},
]
SENT: list[dict[str, Any]] = [
    {"payload": "not JSON"},
    {"payload": "5"},
    {"payload": "[" * 2000},
    {"payload": json.dumps("x" * 900_000)},
    {"occurred_at": "2026-01-01T00:00:00+05:00"},
    {"occurred_at": "2026-01-01"},
    {"traceparent": "malformed"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


def insert(path: Path, *changes: dict[str, Any]) -> None:
    with sqlite3.connect(path) as connection:
        for change in changes:
            commission = str(uuid.uuid4())
            row = {
                "id": str(uuid.uuid4()),
                "aggregate_type": "commission",
                "aggregate_id": commission,
                "aggregate_version": 1,
                "type": "CommissionCalculated",
                "version": 1,
                "payload": json.dumps({"commissionId": commission}),
                "correlation_id": "run-1",
                "traceparent": None,
                "occurred_at": "2026-01-01 00:00:00.000000",
            } | change
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO outbox_event ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    connection.close()


def insert_undecodable(path: Path, column: str) -> None:
    insert(path, {})
    with sqlite3.connect(path) as connection:
        statement = (
            f"UPDATE outbox_event SET {column} = CAST(? AS TEXT) WHERE seq = (SELECT max(seq) FROM outbox_event)"
        )
        connection.execute(statement, (b"abc\xff\xed\xa0\x80",))
    connection.close()


def relayed(engine: Engine) -> tuple[list[int], dict[int, dead_letter_queries.DeadLetterRow]]:
    """`seq` of what a relay sends, and the dead letters of what it parks, by `seq`."""
    publisher, feed = FakePublisher(), OutboxFeed(engine)
    relay = Relay(feed, cast(Publisher, publisher), lambda seconds: None)
    while relay.step():
        publisher.acknowledge()
    relay.step()
    relay._finish()
    assert feed.load_checkpoint() == feed.head()
    feed.close()
    with engine.connect().execution_options(**READ) as connection:
        letters = dead_letter_queries.dead_letters(connection, 1000)
    assert {row.topic for row in letters} <= {outbox.PARKED_TOPIC}
    sent = [json.loads(value)["after"]["seq"] for value, _ in publisher.sent]
    return sent, {int(row.message_id): row for row in letters}


@pytest.mark.parametrize("change", PARKED, ids=lambda change: ascii(change)[:40])
def test_a_malformed_row_is_parked_between_two_good_ones(path: Path, engine: Engine, change: dict[str, Any]) -> None:
    insert(path, {}, change, {})
    sent, parked = relayed(engine)
    assert sent == [1, 3]
    assert list(parked) == [2]
    assert next(iter(change)) in parked[2].detail or "payload" in change
    check_readers(engine, 2)


@pytest.mark.parametrize("change", SENT, ids=lambda change: ascii(change)[:40])
def test_a_row_that_a_message_can_carry_is_sent_even_if_consumers_refuse_it(
    path: Path, engine: Engine, change: dict[str, Any]
) -> None:
    insert(path, {}, change, {})
    assert relayed(engine) == ([1, 2, 3], {})
    check_readers(engine, 3)


@pytest.mark.parametrize(
    "column",
    ["id", "aggregate_type", "aggregate_id", "type", "payload", "correlation_id", "traceparent", "occurred_at"],
)
def test_a_row_with_text_that_is_not_utf_8_is_parked_and_stops_no_reader(
    path: Path, engine: Engine, column: str
) -> None:
    insert(path, {})
    insert_undecodable(path, column)
    insert(path, {})
    sent, parked = relayed(engine)
    assert (sent, list(parked)) == ([1, 3], [2])
    check_readers(engine, 2)


def check_readers(engine: Engine, unsettled: int) -> None:
    """Every reader of the outbox goes on, and counts the parked row as dead-lettered."""
    with engine.connect().execution_options(**READ) as connection:
        rows = queries.recent_outbox(connection)
        assert [row.seq for row in rows] == [3, 2, 1]
        committed = queries.outbox_ids(connection)
        parked = outbox.parked_ids(connection)
        assert parked <= committed
        assert len(committed) == 3
        assert sorted(committed - dead_letter_queries.dead_letter_ids(connection)) == sorted(committed - parked)
        assert {row.contents.event_id for row in contents.read_committed(connection)} == committed
        assert len({row.contents.digest() for row in contents.read_committed(connection)}) == 3
        assert _count_unnotified(connection) == unsettled
        assert queries.read_backlog(connection, 0).head == 3
        assert outbox.count_parked_above(connection, 0) == 3 - unsettled
        lookups.read_heads(connection)
        lookups.events_above(connection, 0)
        for row in rows:
            lookups.outbox_event_by_id(connection, row.id)
            lookups.events_of_commission(connection, row.aggregate_id)
            queries.read_hop_times(connection, [row.id])
            json.dumps([row.payload, row.occurred_at.isoformat(), row.version], ensure_ascii=False).encode()


def test_no_row_is_parked_twice(path: Path, engine: Engine) -> None:
    insert(path, {"seq": 5}, {"seq": 1000, "type": b"x"}, {"seq": 1001})
    assert relayed(engine)[0] == [5, 1001]
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE relay_checkpoint SET seq = 0")
    sent, parked = relayed(engine)
    assert (sent, list(parked)) == ([5, 1001], [1000])


def test_a_page_of_large_rows_ends_early(path: Path, engine: Engine) -> None:
    large = {"payload": json.dumps("x" * (outbox.PAGE_BYTES // 2))}
    insert(path, large, large, large, {})
    feed = OutboxFeed(engine)
    assert [row.seq for row in feed.after(0, 500)] == [1, 2]
    assert [row.seq for row in feed.after(2, 500)] == [3, 4]
    feed.close()


def test_the_dead_letter_of_a_huge_payload_keeps_its_beginning(path: Path, engine: Engine) -> None:
    insert(path, {"payload": json.dumps("x" * 6_000_000)})
    assert relayed(engine)[0] == []
    with engine.connect().execution_options(**READ) as connection:
        (letter,) = dead_letter_queries.dead_letters(connection)
    assert letter.payload == b'"' + b"x" * (contract.KEPT_BYTES - 1)
    assert (letter.reason, letter.attempts, letter.properties) == ("unpublishable", 1, {})


def test_a_repaired_row_can_be_read(path: Path, engine: Engine) -> None:
    insert(path, {"occurred_at": "yesterday"})
    relayed(engine)
    feed = OutboxFeed(engine)
    assert not isinstance(feed.at(1), OutboxRecord)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox_event SET occurred_at = '2026-01-01 00:00:00.000000'")
    assert isinstance(feed.at(1), OutboxRecord)
    assert feed.at(2) is None
    feed.close()
