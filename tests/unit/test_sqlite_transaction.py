"""Test the write transaction of the standard library's connections: all or nothing, and the first error is the one raised."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.sqlite_transaction import immediate


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None, timeout=0)
    connection.execute("CREATE TABLE t (n INTEGER UNIQUE)")
    yield connection
    connection.close()


def rows(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]


def write(connection: sqlite3.Connection, *statements: str, then: type[BaseException] | None = None) -> None:
    with immediate(connection):
        for statement in statements:
            connection.execute(statement)
        if then is not None:
            raise then


def test_what_is_written_is_committed_at_the_end(connection: sqlite3.Connection) -> None:
    with immediate(connection):
        connection.execute("INSERT INTO t VALUES (1)")
        assert connection.in_transaction
    assert (rows(connection), connection.in_transaction) == ([1], False)


def test_an_exception_rolls_everything_back(connection: sqlite3.Connection) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(connection, "INSERT INTO t VALUES (1)", then=KeyboardInterrupt)
    assert (rows(connection), connection.in_transaction) == ([], False)


def test_the_error_is_not_hidden_when_sqlite_has_rolled_back_already(connection: sqlite3.Connection) -> None:
    write(connection, "INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        write(connection, "INSERT INTO t VALUES (2)", "INSERT OR ROLLBACK INTO t VALUES (1)")
    assert rows(connection) == [1]


def test_a_second_writer_is_refused_at_the_beginning(connection: sqlite3.Connection, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None, timeout=0)
    with immediate(connection), pytest.raises(sqlite3.OperationalError, match="locked"), immediate(other):
        pytest.fail("both write")
    other.close()
