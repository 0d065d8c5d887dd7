"""The machine's floor: the three figures are counted on real work."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bench import floor
from db.engine import connect
from db.tables import commission, metadata, outbox_event


def test_each_commit_counted_left_its_two_rows(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'floor.db'}", pool_size=floor.WRITERS)
    metadata.create_all(engine)
    rate = floor.count_commits(engine, 0.2)
    with engine.connect() as connection:
        states = connection.scalar(select(func.count()).select_from(commission)) or 0
        events = connection.scalar(select(func.count()).select_from(outbox_event)) or 0
    engine.dispose()
    assert states == events > 0
    assert 0 < rate <= states / 0.2


def test_a_writer_that_fails_is_not_counted_as_slow(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'floor.db'}")  # without tables
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        floor.count_commits(engine, 0.05)
    engine.dispose()


def test_the_file_that_is_synced_has_all_pages(tmp_path: Path) -> None:
    assert floor.count_fsyncs(tmp_path, 0.05) > 0
    size = (tmp_path / "fsync").stat().st_size
    assert size > 0
    assert size % len(floor.PAGE) == 0
