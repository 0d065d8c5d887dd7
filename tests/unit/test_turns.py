"""Writers of one process take turns, and those of several processes soon notice that the lock is free."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from db import engine as engines
from db.engine import Turns, connect
from scenarios.waiting import until


def test_a_thread_writes_after_the_thread_before_it(tmp_path: Path) -> None:
    turns = Turns(connect(f"sqlite:///{tmp_path / 'turns.db'}"))
    order: list[str] = []
    end_first = turns.take()
    waiting = threading.Event()

    def write() -> None:
        waiting.set()
        end_second = turns.take()
        order.append("second")
        end_second()

    thread = threading.Thread(target=write)
    thread.start()
    waiting.wait(5)
    order.append("first")
    end_first()
    thread.join(5)
    assert order == ["first", "second"]


def test_on_mysql_nobody_waits() -> None:
    turns = Turns(connect("mysql+pymysql://nobody@127.0.0.1/none"))
    turns.take()
    turns.take()


def test_a_turn_that_never_ends_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "TURN_S", 0.05)
    turns = Turns(connect(f"sqlite:///{tmp_path / 'turns.db'}"))
    end = turns.take()
    turns.take()()  # gives up, and ends no turn but its own
    end()
    turns.take()()


def test_a_writer_begins_soon_after_another_has_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gave_up = threading.Event()
    begin_soon = engines._begin_soon

    def begin_and_note(connection: Connection) -> bool:
        has_begun = begin_soon(connection)
        if not has_begun:
            gave_up.set()
        return has_begun

    monkeypatch.setattr(engines, "_begin_soon", begin_and_note)
    path = tmp_path / "shared.db"
    engine = connect(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    began: list[float] = []

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
            began.append(time.monotonic())

    thread = threading.Thread(target=write)
    thread.start()
    assert gave_up.wait(5)  # now SQLite itself waits
    assert began == []
    other.execute("COMMIT")
    until(lambda: bool(began), 5, "the writer began", 0.01)
    thread.join(5)
    assert other.execute("SELECT count(*) FROM t").fetchone() == (1,)
    other.close()
    engine.dispose()


def test_a_writer_that_waited_too_long_says_that_the_database_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_S", 0.1)
    path = tmp_path / "shared.db"
    engine = connect(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), engine.begin():
        pass
    other.close()
    engine.dispose()
