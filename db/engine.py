"""Engines: one way to open SQLite and MySQL, with the durability and locking the outbox relies on."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError

READ = {"alpes_read": True}
"""Execution options of a connection that only reads: on SQLite it takes no write lock."""


def one_moment(engine: Engine) -> dict[str, Any]:
    """Execution options of a connection that only reads, all of whose statements see the database as of one moment."""
    # SQLite's transactions do so anyway, and it knows no such level.
    return READ if engine.dialect.name == "sqlite" else READ | {"isolation_level": "REPEATABLE READ"}


BUSY_TIMEOUT_S = 10.0
PING_AFTER_S = 0.5


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever characters its name has: `connect` decodes it."""
    return f"sqlite:///{quote(str(path))}"


def connect(url: str, pool_size: int = 5) -> Engine:
    """An engine for `sqlite:///path` or `mysql+pymysql://…`; nothing is connected yet.

    Raises ValueError for another kind of URL.
    """
    kind = make_url(url).get_backend_name()
    if kind == "sqlite":
        return _sqlite(url, pool_size)
    if kind == "mysql":
        engine = create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_size=pool_size,
            max_overflow=pool_size * 3,
            pool_timeout=5,
            pool_recycle=1800,
            pool_reset_on_return=None,  # a Connection that closes rolls back by itself; again would be a round trip more
            connect_args={"connect_timeout": 3, "read_timeout": 30, "write_timeout": 30, "charset": "utf8mb4"},
        )
        _ping_after_a_pause(engine)
        return engine
    raise ValueError(f"the database URL must be sqlite:/// or mysql+pymysql://, not {kind}")


def discard(connection: Connection) -> None:
    """Close it, whatever state it is in. On a lost one even the rollback fails: that must not hide the first error."""
    try:
        connection.close()
    except Exception:
        connection.invalidate()


def _ping_after_a_pause(engine: Engine) -> None:
    """As `pool_pre_ping`, but only for a connection that was idle: under load the ping is a round trip for nothing."""

    @event.listens_for(engine, "checkin")
    def used(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) < PING_AFTER_S:
            return
        try:
            connection.ping(reconnect=False)
        except Exception as error:
            raise DisconnectionError from error  # the pool discards it and every older one, and hands out a new one


def _sqlite(url: str, pool_size: int) -> Engine:
    parsed = make_url(url)
    engine = create_engine(
        parsed.set(database=unquote(parsed.database or "")),  # SQLAlchemy itself takes it as it is written
        pool_size=pool_size,
        max_overflow=pool_size * 3,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        # What is no UTF-8 is shown with replacement characters: raised by the driver, it would look like a lost database.
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        connection.isolation_level = None  # transactions begin where `begin` below says, not where sqlite3 guesses
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a commit survives the loss of power, as MySQL's does
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("alpes_read")
        # A write takes its lock at once: a deferred one that reads first fails instead of waiting.
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
