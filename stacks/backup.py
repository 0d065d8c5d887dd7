"""Back up and restore an instance: every table, and the events that the observer saw, as JSON lines."""

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
from domain.errors import ExpectedError
from settings import Settings
from settings.shared_files import hand_over
from stacks import operation, recovery, sqlite_files, staging
from stacks import reset as reset_operation
from stacks.staging import FORMAT, PUBLISHED, BackupUnfit, Staged
from workers.observer_store import ObserverStore

__all__ = ["BackupUnfit", "backup", "restore"]

Say = Callable[[str], None]

HEAD_LENGTH = 10_000
"""Characters of a back-up's first line at most."""


class NotABackup(ExpectedError):
    """The file would be replaced by a back-up, and it is none."""


def backup(settings: Settings, path: Path) -> dict[str, int]:
    """Write a consistent back-up of a running instance to `path`, readable by its owner only; return {table: rows}.

    An earlier back-up at `path` is replaced. Raises NotABackup when another file is there, DatabaseUnavailable, OSError, or
    sqlite3.OperationalError without an observer.
    """
    _refuse_other_file(path)
    counts: dict[str, int] = {}
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with _new_private_file(path) as file, _consistent_read(engine) as connection:
            head = {"alpes": FORMAT, "schema": revision(connection), "stack": settings.stack}
            _write_line(file, {**head, "made_at": datetime.now(UTC).isoformat(timespec="seconds")})
            for table in rows.tables():
                counts[table.name] = 0
                for row in rows.read(connection, table):
                    _write_line(file, {"table": table.name, "row": row})
                    counts[table.name] += 1
            # The observer is read after the tables. It may know newer events, which a restore leaves out.
            counts[PUBLISHED] = 0
            for row in _read_published(settings):
                _write_line(file, {"table": PUBLISHED, "row": row})
                counts[PUBLISHED] += 1
            _write_line(file, {"end": sum(counts.values())})
    finally:
        engine.dispose()
    return counts


def _refuse_other_file(path: Path) -> None:
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline(HEAD_LENGTH))
    except ValueError:
        head = None
    if not isinstance(head, dict) or "alpes" not in head:
        raise NotABackup(f"{path} is there already and is no back-up: name another file; nothing was written")


def restore(settings: Settings, path: Path, say: Say) -> dict[str, int]:
    """Replace the data of a running instance by a back-up; return {table: rows}. The present data is deleted.

    The whole file is read and checked before anything changes; then all tables change in one transaction. On the native
    stack Debezium reads the restored rows from the binlog and publishes them again; their deliveries are absorbed and
    counted as duplicates. Raises BackupUnfit or OSError, with nothing changed, and what `reset` raises.
    """
    require(settings, Action.RESTORE)
    reset_operation.require_instance(settings)
    with operation.alone(settings, "restore", say), operation.without_scenario(settings):
        recovery.recover(settings, say)
        say(f"reading {path}")
        with staging.staged(settings, path) as staged_backup:
            try:
                observed = _prepare_observer_store(settings, staged_backup)
                reset_operation.replace(
                    settings, "restore", lambda connection: _fill_tables(connection, staged_backup), say, observed=True
                )
            except BaseException:
                if (
                    operation.read(settings) is None
                ):  # otherwise the restore was decided, and its completion needs the store
                    sqlite_files.remove_database(recovery.restored_store(settings))
                raise
            return staged_backup.counts() | {staging.PUBLISHED: observed}


def _fill_tables(connection: Connection, staged_backup: Staged) -> None:
    for table in reversed(rows.tables()):
        rows.delete_rows(connection, table)
    rows.reset_sequences(connection)
    for table in rows.tables():
        for batch in staged_backup.batches(table):
            rows.write(connection, table, batch)
    if connection.dialect.name == "sqlite":
        rows.continue_sequences(connection)
    rewind_checkpoint(connection)


def _prepare_observer_store(settings: Settings, staged_backup: Staged) -> int:
    """Prepare an observer's store with the events that will not be published again; return how many there are."""
    new_store = recovery.restored_store(settings)
    sqlite_files.remove_database(new_store)
    # A capture with a checkpoint continues from the restored one.
    published_events = staged_backup.published(of_outbox=settings.facts.capture.has_checkpoint)
    store = ObserverStore(new_store, write=True)
    try:
        store.restore(published_events)
    finally:
        store.close()
    hand_over(new_store)
    return len(published_events)


def _read_published(settings: Settings) -> Iterator[dict[str, Any]]:
    store = ObserverStore(settings.observer_store)
    try:
        yield from store.read_published_rows()
    finally:
        store.close()


@contextmanager
def _consistent_read(engine: Engine) -> Iterator[Any]:
    # All tables are read from one snapshot: SQLite's read transaction is one, MySQL's only with this isolation level.
    options: dict[str, Any] = dict(READ)
    if engine.dialect.name == "mysql":
        options["isolation_level"] = "REPEATABLE READ"
    with translated(), engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def _new_private_file(path: Path) -> Iterator[IO[str]]:
    """Yield a file that only its owner can read, and that appears complete or not at all."""
    # The temporary name is new, because an existing name may be a link to another user's file.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        # Half a surrogate pair of a foreign row becomes its JSON escape: it is no UTF-8, and the back-up must hold the row.
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_line(file: IO[str], value: dict[str, Any]) -> None:
    file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
