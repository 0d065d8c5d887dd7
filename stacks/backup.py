"""Back-up and restore of what an instance knows: every table, and which events the observer saw, as JSON lines."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine

from application.permissions import Action, require
from db import rows
from db.engine import READ, connect
from db.errors import translated
from db.migrate import revision
from db.outbox import rewind_checkpoint
from settings import Settings
from stacks import operation, recovery, staging
from stacks import reset as resetting
from stacks.staging import FORMAT, PUBLISHED, BackupUnfit, Staged
from workers.observer_store import ObserverStore

__all__ = ["BackupUnfit", "backup", "restore"]

Say = Callable[[str], None]


def backup(settings: Settings, path: Path) -> dict[str, int]:
    """Write everything as of one moment, while it runs; {table: rows}. The file is for its owner alone.

    Raises DatabaseUnavailable, OSError, or sqlite3.OperationalError without an observer.
    """
    counts: dict[str, int] = {}
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with _new(path) as file, _snapshot(engine) as connection:
            head = {"alpes": FORMAT, "schema": revision(connection), "stack": settings.stack}
            _line(file, {**head, "made_at": datetime.now(UTC).isoformat(timespec="seconds")})
            for table in rows.tables():
                counts[table.name] = 0
                for row in rows.read(connection, table):
                    _line(file, {"table": table.name, "row": row})
                    counts[table.name] += 1
            # After the snapshot: what was published meanwhile too, which the restore leaves out.
            counts[PUBLISHED] = 0
            for row in _published(settings):
                _line(file, {"table": PUBLISHED, "row": row})
                counts[PUBLISHED] += 1
            _line(file, {"end": sum(counts.values())})
    finally:
        engine.dispose()
    return counts


def restore(settings: Settings, path: Path, say: Say) -> dict[str, int]:
    """Put a running instance back to a file's contents; {table: rows}. What it holds now is gone.

    The file is read and judged whole before anything is changed; then all tables change in one transaction. On the native
    stack Debezium reads the restored rows from the binlog and publishes them again: their deliveries are absorbed and counted
    as duplicates. Raises BackupUnfit or OSError, when nothing was changed, and what `reset` raises.
    """
    require(settings, Action.RESTORE)
    with operation.alone(settings, "restore", say), operation.without_scenario(settings):
        recovery.recover(settings, say)
        say(f"reading {path}")
        with staging.staged(settings, path) as found:
            observed = _observed_aside(settings, found)
            resetting.replace(settings, "restore", lambda connection: _fill(connection, found), say, observed=True)
            return found.counts() | {staging.PUBLISHED: observed}


def _fill(connection: Connection, found: Staged) -> None:
    for table in reversed(rows.tables()):
        rows.delete_rows(connection, table)
    rows.reset_sequences(connection)
    for table in rows.tables():
        for batch in found.batches(table):
            rows.write(connection, table, batch)
    if connection.dialect.name == "sqlite":
        rows.continue_sequences(connection)
    rewind_checkpoint(connection)


def _observed_aside(settings: Settings, found: Staged) -> int:
    """Make a store ready with what the observer saw, of the events that will not be published again; how many."""
    aside = recovery.observed_aside(settings)
    aside.unlink(missing_ok=True)
    # On the embedded stack the relay goes on from the restored checkpoint.
    seen = found.published(of_outbox=settings.stack == "embedded")
    store = ObserverStore(aside, write=True)
    try:
        store.restore(seen)
    finally:
        store.close()
    return len(seen)


def _published(settings: Settings) -> Iterator[dict[str, Any]]:
    store = ObserverStore(settings.observer_store)
    try:
        yield from store.published()
    finally:
        store.close()


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Any]:
    # One moment for all tables: SQLite's read transaction is one already, MySQL's is with this isolation.
    options: dict[str, Any] = dict(READ)
    if engine.dialect.name == "mysql":
        options["isolation_level"] = "REPEATABLE READ"
    with translated(), engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def _new(path: Path) -> Iterator[IO[str]]:
    """A file that appears whole or not at all, for its owner alone."""
    # A name of its own: one that is there already may be a link to somebody's file.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _line(file: IO[str], value: dict[str, Any]) -> None:
    file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
