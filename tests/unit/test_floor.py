"""The machine's floor: its figures are counted on real work."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, func, select

from bench import bare_commits, bare_path, floor
from bench.children import ChildFailed
from db.engine import connect
from db.tables import commission, metadata, notification, outbox_event, processed_message


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'floor.db'}", pool_size=4)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("count", [bare_commits.count_by_threads, bare_commits.count_by_processes])
def test_each_commit_counted_left_its_two_rows(engine: Engine, count: bare_commits.Count) -> None:
    metadata.create_all(engine)
    rate = count(engine, 2, 0.2)
    states, events = _count_rows(engine, commission), _count_rows(engine, outbox_event)
    assert states == events > 0
    assert 0 < rate <= states / 0.2


def test_the_quickest_way_of_writing_is_the_floor(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    by_threads, by_processes = {1: 500, 4: 300, 16: 100}, {4: 900, 16: 200}
    monkeypatch.setattr(bare_commits, "count_by_threads", lambda _engine, writers, _seconds: by_threads[writers])
    monkeypatch.setattr(bare_commits, "count_by_processes", lambda _engine, writers, _seconds: by_processes[writers])
    assert bare_commits.count_best(engine, 0.1) == 900


def test_a_writer_that_fails_is_not_counted_as_slow(engine: Engine) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):  # it has no tables
        bare_commits.count_by_threads(engine, 4, 0.05)
    with pytest.raises(ChildFailed, match="ended"):
        bare_commits.count_by_processes(engine, 1, 0.05)


def test_the_effect_of_a_message_is_a_notification_and_its_inbox_row(engine: Engine) -> None:
    metadata.create_all(engine)
    with bare_commits.BareWriter(engine) as writer:
        writer.commit_rows(bare_path._make_effect(writer.insert_statement, "key-1", "(1,2,-1,-1)"))
    assert (_count_rows(engine, notification), _count_rows(engine, processed_message)) == (1, 1)


def test_the_file_that_is_synced_has_all_pages(tmp_path: Path) -> None:
    assert floor.count_fsyncs(tmp_path, 0.05) > 0
    size = (tmp_path / "fsync").stat().st_size
    assert size > 0
    assert size % len(floor.PAGE) == 0


def _count_rows(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0
