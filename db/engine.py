"""Create engines for SQLite and MySQL with the durability and locking that the outbox needs."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError

READ = {"alpes_read": True}
"""Execution options of a connection that only reads: on SQLite it takes no write lock."""


def consistent_read(engine: Engine) -> dict[str, Any]:
    """Return the execution options of a connection that only reads, and whose statements all see the same commits."""
    # Every transaction of SQLite does so, and SQLite does not have the isolation level.
    return READ if engine.dialect.name == "sqlite" else READ | {"isolation_level": "REPEATABLE READ"}


BUSY_TIMEOUT_S = 10.0
TURN_S = 1.0
"""How long a thread waits for its turn. After that it asks for the lock itself, so that a locked database is reported in time."""
ASK_AGAIN_EVERY_S, ASK_AGAIN_FOR_S = 0.0003, 0.05
"""How often a writer of SQLite asks for the lock at first, and for how long; after that SQLite itself waits."""
PING_AFTER_S = 0.5


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file, with special characters quoted; `connect` decodes it."""
    return f"sqlite:///{quote(str(path))}"


def connect(url: str, pool_size: int = 5) -> Engine:
    """Return an engine for `sqlite:///path` or `mysql+pymysql://…`, which connects at its first use.

    Raise ValueError for another kind of URL.
    """
    kind = make_url(url).get_backend_name()
    if kind == "sqlite":
        return _sqlite(url, pool_size)
    if kind == "mysql":
        engine = create_engine(
            url,
            isolation_level="READ COMMITTED",
            paramstyle="format",
            pool_size=pool_size,
            max_overflow=pool_size * 3,
            pool_timeout=5,
            pool_recycle=1800,
            pool_reset_on_return=None,  # closing a Connection rolls back already; a second rollback would cost a round trip
            connect_args={"connect_timeout": 3, "read_timeout": 30, "write_timeout": 30, "charset": "utf8mb4"},
        )
        _ping_after_a_pause(engine)
        return engine
    raise ValueError(f"the database URL must be sqlite:/// or mysql+pymysql://, not {kind}")


def discard(connection: Connection) -> None:
    """Close a connection in any state. On a lost one the rollback fails too, which must not hide the first error."""
    try:
        connection.close()
    except Exception:
        connection.invalidate()


def _ping_after_a_pause(engine: Engine) -> None:
    """Ping like `pool_pre_ping`, but only a connection that was idle: under load the round trip would be wasted."""

    @event.listens_for(engine, "checkin")
    def remember_use(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping_if_idle(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) < PING_AFTER_S:
            return
        try:
            connection.ping(reconnect=False)
        except Exception as error:
            raise DisconnectionError from error  # the pool then discards this connection and all older ones, and opens a new one


def _sqlite(url: str, pool_size: int) -> Engine:
    parsed = make_url(url)
    engine = create_engine(
        parsed.set(database=unquote(parsed.database or "")),  # SQLAlchemy does not decode it
        pool_size=pool_size,
        max_overflow=pool_size * 3,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        # Show text that is not UTF-8 with replacement characters: an error of the driver would look like a lost database.
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        connection.isolation_level = None  # `begin` below starts the transactions, not sqlite3
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut, as on MySQL
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "checkin")
    def let_wait_again(driver: sqlite3.Connection | None, record: Any) -> None:
        # The next user may not begin its transactions as this engine does.
        if driver is not None and record.info.pop("waits_s", BUSY_TIMEOUT_S) != BUSY_TIMEOUT_S:
            driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000:.0f}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("alpes_read"):
            _let_wait(connection, BUSY_TIMEOUT_S)
            connection.exec_driver_sql("BEGIN")
        elif not _begin_soon(connection):
            # A write must lock immediately: a deferred transaction that reads first would fail instead of waiting.
            _let_wait(connection, BUSY_TIMEOUT_S)
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _let_wait(connection: Connection, seconds: float) -> None:
    """Set how long SQLite itself waits for a lock, unless the connection is set so already. Raise sqlite3.Error."""
    pooled = connection.connection
    if pooled.info.get("waits_s", BUSY_TIMEOUT_S) != seconds:
        driver: Any = pooled.driver_connection
        driver.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")
        pooled.info["waits_s"] = seconds


def _begin_soon(connection: Connection) -> bool:
    """Begin to write as soon as the present writer has committed; return False when that takes longer than `ASK_AGAIN_FOR_S`.

    SQLite itself waits in steps of 1, 2, 5, 10, 15, 20 and 25 ms, so writers that alternate would mostly wait for nothing.
    """
    driver: Any = connection.connection.driver_connection
    try:
        _let_wait(connection, 0)  # a writer that has the lock waits for no other; a reader sets it back
        deadline = time.monotonic() + ASK_AGAIN_FOR_S
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    return False
            time.sleep(ASK_AGAIN_EVERY_S)
    except sqlite3.Error:
        return False  # the statement that follows meets the same error, and the caller sees it


class Turns:
    """Lets the threads of one process write in turn. They would only compete for SQLite's single lock, and for the interpreter.

    MySQL has a lock for each row, so there every thread may write at once.
    """

    def __init__(self, engine: Engine) -> None:
        self._lock = threading.Lock() if engine.dialect.name == "sqlite" else None

    def take(self) -> Callable[[], None]:
        """Wait for the turn, at most `TURN_S`, and return the function that ends it."""
        if self._lock is None or not self._lock.acquire(timeout=TURN_S):
            return lambda: None
        return self._lock.release
