"""Test each migration by itself on SQLite: it applies to the schema before it, keeps the rows, and adds what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from db.engine import connect
from db.migrate import is_known, newest, revision, upgrade
from settings.model import REPOSITORY

VERSIONS = REPOSITORY / "db" / "migrations" / "versions"
AT = "2026-01-02 03:04:05.678901"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'old.db'}")
    yield engine
    engine.dispose()


def execute(engine: Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def read(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def insert_event(engine: Engine, seq: int | None, number: int) -> None:
    execute(
        engine,
        "INSERT INTO outbox_event (seq, id, aggregate_type, aggregate_id, aggregate_version, type, version, payload,"
        " correlation_id, occurred_at) VALUES (:seq, :id, 'commission', :id, 1, 'CommissionCalculated', 1, '{}', 'r', :at)",
        seq=seq,
        id=f"e-{number}",
        at=AT,
    )


def insert_dead_letter(engine: Engine, message_id: str, **more: Any) -> None:
    columns = [
        "topic",
        "message_id",
        "payload",
        "properties",
        "reason",
        "detail",
        "attempts",
        "dead_lettered_at",
        *more,
    ]
    values = {
        "topic": "t",
        "message_id": message_id,
        "payload": b"x",
        "properties": "{}",
        "reason": "r",
        "detail": "d",
        "attempts": 1,
        "dead_lettered_at": AT,
        **more,
    }
    places = ", ".join(f":{name}" for name in columns)
    execute(engine, f"INSERT INTO dead_letter ({', '.join(columns)}) VALUES ({places})", **values)


def test_the_revision_of_a_database_is_the_one_that_alembic_reads(engine: Engine) -> None:
    for target in ("", "0001", "0004", "head"):
        if target:
            upgrade(engine, target)
        with engine.connect() as connection:
            assert revision(connection) == (MigrationContext.configure(connection).get_current_revision() or "")


def test_the_versions_are_one_chain_without_a_gap() -> None:
    files = sorted(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
    assert files == [f"{number:04d}" for number in range(1, len(files) + 1)]
    assert newest() == files[-1] == ScriptDirectory(str(VERSIONS.parent)).get_current_head()
    assert [is_known(name) for name in ("", "0000", *files, "0001_first_schema")] == [
        False,
        False,
        *([True] * len(files)),
        False,
    ]
    for path in VERSIONS.glob("[0-9]*.py"):
        declared = re.findall(r'^(?:down_)?revision = (?:"(\d+)"|None)$', path.read_text(), re.MULTILINE)
        before = f"{int(path.name[:4]) - 1:04d}"
        assert declared == [path.name[:4], "" if before == "0000" else before], path.name


def test_0001_makes_the_tables_of_the_path(engine: Engine) -> None:
    upgrade(engine, "0001")
    assert tables(engine) == {
        "commission",
        "outbox_event",
        "notification",
        "processed_message",
        "hop_time",
        "dead_letter",
        "relay_checkpoint",
    }
    insert_event(engine, None, 1)
    execute(engine, "DELETE FROM outbox_event")
    insert_event(engine, None, 2)
    assert read(engine, "SELECT seq, id FROM outbox_event") == [(2, "e-2")]  # a pruned row's seq is not given again


def test_0001_stores_one_event_for_each_version_of_a_commission(engine: Engine) -> None:
    upgrade(engine, "0001")
    insert_event(engine, None, 1)
    with pytest.raises(DBAPIError, match="UNIQUE"):
        execute(
            engine,
            "INSERT INTO outbox_event (id, aggregate_type, aggregate_id, aggregate_version, type, version, payload,"
            " correlation_id, occurred_at) SELECT 'another', aggregate_type, aggregate_id, aggregate_version, type,"
            " version, payload, correlation_id, occurred_at FROM outbox_event",
        )


def test_0002_adds_runs_and_the_naive_writers_table_and_leaves_the_rest(engine: Engine) -> None:
    upgrade(engine, "0001")
    insert_event(engine, 7, 1)
    before = tables(engine)
    upgrade(engine, "0002")
    assert tables(engine) - before == {"scenario_run", "naive_commission"}
    assert read(engine, "SELECT seq, id FROM outbox_event") == [(7, "e-1")]
    execute(
        engine,
        "INSERT INTO scenario_run (id, name, stack, seed, state, started_at) VALUES ('r', 'n', 's', :seed, 'running', :at)",
        seed=2**31,
        at=AT,
    )
    assert read(engine, "SELECT seed, verdict, result FROM scenario_run") == [(2**31, None, None)]


def test_0003_gives_the_repeated_questions_an_index(engine: Engine) -> None:
    upgrade(engine, "0003")
    for query, index in (
        ("SELECT id FROM commission WHERE status = 'CALCULATED' ORDER BY updated_at, id", "commission_by_status"),
        ("SELECT seq FROM dead_letter WHERE event_id = 'e-1'", "dead_letter_by_event"),
    ):
        plan = " ".join(str(row) for row in read(engine, f"EXPLAIN QUERY PLAN {query}"))
        assert index in plan
        assert "TEMP B-TREE" not in plan


def test_0004_adds_a_table_of_pruned_ids(engine: Engine) -> None:
    upgrade(engine, "0003")
    before = tables(engine)
    upgrade(engine, "0004")
    assert tables(engine) - before == {"pruned_event"}
    insert = "INSERT INTO pruned_event VALUES ('e-1', :seq, 'r', :at, :at)"
    execute(engine, insert, seq=2**40, at=AT)
    with pytest.raises(DBAPIError, match="UNIQUE"):
        execute(engine, insert, seq=1, at=AT)


def test_0005_takes_dead_letters_that_are_there_for_published(engine: Engine) -> None:
    upgrade(engine, "0004")
    insert_dead_letter(engine, "(1,1)", requeued_at=AT)
    upgrade(engine, "0005")
    row = read(engine, "SELECT seq, message_id, payload, publish_us, published_at, requeued_at FROM dead_letter")
    assert row == [(1, "(1,1)", b"x", 0, AT, AT)]
    assert "message_failure" in tables(engine)


def test_0005_tells_messages_of_one_id_apart_by_their_time_and_never_reuses_a_number(engine: Engine) -> None:
    upgrade(engine, "0004")
    insert_dead_letter(engine, "(1,1)")
    with pytest.raises(DBAPIError, match="UNIQUE"):
        insert_dead_letter(engine, "(1,1)")
    upgrade(engine, "0005")
    insert_dead_letter(engine, "(1,1)", publish_us=5)
    with pytest.raises(DBAPIError, match="UNIQUE"):
        insert_dead_letter(engine, "(1,1)", publish_us=5)
    execute(engine, "DELETE FROM dead_letter WHERE seq = 2")
    insert_dead_letter(engine, "(1,2)")
    assert [seq for (seq,) in read(engine, "SELECT seq FROM dead_letter")][-1] > 2


@pytest.mark.parametrize("seq", [0, -1, 4])
def test_0006_refuses_a_row_behind_the_relay(engine: Engine, seq: int) -> None:
    upgrade(engine, "0005")
    insert_event(engine, 5, 1)
    upgrade(engine, "0006")
    with pytest.raises(DBAPIError, match="insert the row without seq"):
        insert_event(engine, seq, 2)
    insert_event(engine, None, 3)
    assert read(engine, "SELECT seq FROM outbox_event ORDER BY seq") == [(5,), (6,)]


def test_0007_refuses_a_jump_that_would_leave_no_number_and_keeps_the_rule_before_it(engine: Engine) -> None:
    upgrade(engine, "0006")
    insert_event(engine, 5, 1)
    upgrade(engine)
    assert read(engine, "SELECT id FROM outbox_event") == [("e-1",)]
    for seq in (2**63 - 1, 5 + 2**40 + 1, 4, 0):
        with pytest.raises(DBAPIError, match="this seq is not the next one"):
            insert_event(engine, seq, 2)
    insert_event(engine, 5 + 2**40, 3)
    insert_event(engine, None, 4)
    assert read(engine, "SELECT seq FROM outbox_event ORDER BY seq")[-1] == (5 + 2**40 + 1,)


def test_an_upgrade_in_steps_makes_what_one_upgrade_makes(engine: Engine, tmp_path: Path) -> None:
    for number in range(1, int(newest()) + 1):
        upgrade(engine, f"{number:04d}")
        with engine.connect() as connection:
            assert revision(connection) == f"{number:04d}"
    whole = connect(f"sqlite:///{tmp_path / 'whole.db'}")
    upgrade(whole)
    schema = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
    assert read(engine, schema) == read(whole, schema)
    whole.dispose()


def test_a_time_keeps_its_microseconds_over_all_versions(engine: Engine) -> None:
    upgrade(engine, "0001")
    insert_event(engine, 1, 1)
    upgrade(engine)
    ((stored,),) = read(engine, "SELECT occurred_at FROM outbox_event")
    assert datetime.fromisoformat(stored).microsecond == 678901
