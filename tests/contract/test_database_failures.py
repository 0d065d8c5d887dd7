"""Test on SQLite and MySQL how failures of the database are reported, and how failures of messages are counted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from db import dead_letter_queries, notification_queries
from db.engine import READ
from db.error_codes import Kind
from db.errors import DatabaseUnavailable, UnstorableData, translated
from db.failures import Counts, MessageFailures, MessageKey
from tests.builders import delivery, record
from tests.fakes import ListInlet, ListOutlet, Measurements
from workers.inbox import Effect, Inbox
from workers.notifications import NotificationsWorker

KEY = MessageKey("events", "(1,2,-1,-1)", 1_700_000_000_000_000)


def test_failures_of_a_message_are_added_up_whoever_counts_them(engine: Engine) -> None:
    barrier = threading.Barrier(4)

    def count(number: int) -> Counts:
        barrier.wait()
        failures = MessageFailures(engine)
        return failures.count_attempt(KEY) if number % 2 else failures.count_death(KEY)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    failures = MessageFailures(engine)
    assert failures.load(["events"]) == {KEY: Counts(2, 2)}
    assert failures.load(["others"]) == {}
    failures.forget_old(["events"])
    assert failures.count_attempt(KEY) == Counts(3, 2)
    failures.forget([KEY])
    assert failures.load(["events"]) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "x" * 65},
        {"correlation_id": "x" * 65},
        {"aggregate_version": 2**31},
        {"aggregate_id": "x" * 37},
        {"id": "\ud800"},
        {"payload": "[" * 101 + "]" * 101},
        {"payload": "NaN"},
        {"payload": '"\\ud800"'},
    ],
    ids=["long type", "long correlation", "large number", "long id", "surrogate", "depth", "NaN", "escaped surrogate"],
)
def test_a_row_that_does_not_fit_harms_no_other(
    engine: Engine, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader refuses such an event long before; here the database must be what refuses it, or it is stored."""
    import json

    from domain import contract

    monkeypatch.setattr(contract, "read_payload", json.loads)
    good, bad = record(1), record(2, **change)
    messages = [delivery(good, 1), delivery(record(3), 2)]
    inbox = Inbox(engine, "test")
    inlet, outlet = ListInlet(), ListOutlet()
    worker = NotificationsWorker(inbox, inlet, outlet, Measurements(), threading.Event())
    worker._apply([Effect(messages[0], good, 0), Effect(messages[1], bad, 0)], [])
    inbox.close()
    assert sorted(inlet.acknowledged) == [message.message_id for message in messages]
    with engine.connect().execution_options(**READ) as connection:
        notified, dead = notification_queries.notification_ids(connection), dead_letter_queries.dead_letters(connection)
    assert good.id in notified
    assert len(notified) + len(dead) == 2
    assert {row.reason for row in dead} <= {"bad_data"}
    assert len(outlet.sent) == len(dead)
    if engine.dialect.name == "mysql":
        assert len(dead) == 1


def test_a_dead_letter_is_recorded_once_and_says_whether_it_is_published(engine: Engine) -> None:
    inbox = Inbox(engine, "test")
    first = inbox.record_dead_letter(delivery(b"x", 1), None, "not_an_envelope", "why", 1)
    assert not first.published
    inbox.mark_published(first.seq)
    again = inbox.record_dead_letter(delivery(b"x", 1), None, "not_an_envelope", "why", 1)
    assert (again.seq, again.published) == (first.seq, True)
    inbox.close()


def test_the_database_answers_only_with_its_tables(engine: Engine) -> None:
    inbox = Inbox(engine, "test")
    assert inbox.answers()
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE processed_message"))
    assert not inbox.answers()


@pytest.fixture
def mysql(request: pytest.FixtureRequest, mysql_root_url: str) -> Engine:
    return create_engine(mysql_root_url, connect_args={"read_timeout": 10})


def _fails(engine: Engine, *statements: str, **values: object) -> Exception:
    def run() -> None:
        with translated(), engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)

    with pytest.raises((DatabaseUnavailable, UnstorableData)) as caught:
        run()
    return caught.value


_NOTIFICATION = (
    "INSERT INTO alpes.notification (event_id, commission_id, aggregate_version, type, payload, correlation_id, consumer,"
    " occurred_at, notified_at) VALUES ('x', 'x', 1, 'x', {}, 'x', 'x', NOW(), NOW())"
)
STATEMENTS: dict[int, tuple[str, ...]] = {
    1048: ("INSERT INTO alpes.notification (event_id) VALUES (NULL)",),
    1364: ("INSERT INTO alpes.pruned_event (event_id) VALUES ('x')",),
    1264: ("INSERT INTO alpes.event_timing (event_id, persisted_us) VALUES ('x', 99999999999999999999)",),
    1292: ("INSERT INTO alpes.relay_checkpoint (name, seq, updated_at) VALUES ('x', 1, 'no time')",),
    1366: ("INSERT INTO alpes.relay_checkpoint (name, seq, updated_at) VALUES ('x', 'no number', NOW())",),
    1406: ("INSERT INTO alpes.relay_checkpoint (name, seq, updated_at) VALUES (REPEAT('x', 33), 1, NOW())",),
    1690: ("SELECT 9223372036854775807 + 1",),
    3140: (_NOTIFICATION.format("'NaN'"),),
    3141: ("SELECT JSON_EXTRACT('{', '$')",),
    3143: ("SELECT JSON_EXTRACT('{}', 'no path')",),
    3144: (_NOTIFICATION.format("_binary'{}'"),),
    3157: ("SELECT CAST(CONCAT(REPEAT('[', 101), REPEAT(']', 101)) AS JSON)",),
    1146: ("SELECT * FROM alpes.no_such_table",),
    1054: ("SELECT no_such_column FROM alpes.notification",),
    1049: ("USE no_such_database",),
    1792: ("SET TRANSACTION READ ONLY", "DELETE FROM alpes.event_timing"),
    3024: ("SELECT /*+ MAX_EXECUTION_TIME(1) */ COUNT(*) FROM information_schema.columns a, information_schema.columns b",),
    1317: ("KILL QUERY CONNECTION_ID()",),
}  # fmt: skip
"""Number → statements that really make MySQL answer with it."""


@pytest.mark.native
@pytest.mark.parametrize("number", STATEMENTS)
def test_mysql_really_gives_this_number(mysql: Engine, number: int) -> None:
    from db.error_codes import MYSQL

    error = _fails(mysql, *STATEMENTS[number])
    mysql.dispose()
    cause = error.__cause__
    assert cause is not None
    assert cause.orig.args[0] == number  # type: ignore[attr-defined]
    kind = Kind.DATA if isinstance(error, UnstorableData) else error.kind  # type: ignore[attr-defined]
    assert kind is MYSQL[number]


@pytest.mark.native
def test_mysql_locks_and_rights(mysql: Engine, native_stack: Any) -> None:
    from db.engine import connect

    holder = mysql.connect()
    holder.execute(text("INSERT INTO alpes.relay_checkpoint (name, seq, updated_at) VALUES ('locked', 1, NOW())"))
    waiting = "INSERT INTO alpes.relay_checkpoint (name, seq, updated_at) VALUES ('locked', 2, NOW())"
    busy = _fails(mysql, "SET innodb_lock_wait_timeout = 1", waiting)
    assert isinstance(busy, DatabaseUnavailable)
    assert busy.kind is Kind.CONFLICT
    holder.rollback()
    holder.close()
    application = connect(native_stack.database_url)
    for statement in ("DELETE FROM notification", "CREATE TABLE mine (id INT)", "SELECT * FROM mysql.user"):
        refused = _fails(application, statement)
        assert isinstance(refused, DatabaseUnavailable)
        assert refused.kind is Kind.REFUSED
    nobody = connect(native_stack.database_url.replace("alpes:", "nobody:", 1))
    denied = _fails(nobody, "SELECT 1")
    assert isinstance(denied, DatabaseUnavailable)
    assert denied.kind is Kind.REFUSED
    closed = connect("mysql+pymysql://x:y@127.0.0.1:1/alpes")
    lost = _fails(closed, "SELECT 1")
    assert isinstance(lost, DatabaseUnavailable)
    assert lost.kind is Kind.LOST
    for each in (mysql, application, nobody, closed):
        each.dispose()
