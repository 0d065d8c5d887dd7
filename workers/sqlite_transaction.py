"""Run a transaction on a connection of the standard library's `sqlite3` that commits by itself otherwise."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def immediate(connection: sqlite3.Connection) -> Iterator[None]:
    """Enter a write transaction: it is committed at the end, or rolled back when the block raises.

    SQLite itself rolls back when the disk is full or fails. A second rollback would raise an error of its own, which would hide
    what happened. Raise sqlite3.Error.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
