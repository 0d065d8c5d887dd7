"""Back-up and restore of what an instance knows: every table, and which events the observer saw, as JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Engine

from application.permissions import Action, require
from db import rows
from db.engine import READ, connect
from db.errors import translated
from db.migrate import known, revision
from db.outbox import send_again
from settings import Settings
from stacks import reset as resetting
from workers.observer_store import ObserverStore

FORMAT = 1
PUBLISHED = "observer.published"
Say = Callable[[str], None]


class BackupUnfit(Exception):
    """The file is no whole back-up that this program can restore; nothing was changed."""


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

    On the native stack Debezium reads the restored rows from the binlog and publishes them again: their deliveries are
    absorbed and counted as duplicates. Raises BackupUnfit before anything is changed, and what `reset` raises.
    """
    require(settings, Action.RESTORE)
    _checked(path)
    counts: dict[str, int] = {}

    def fill(engine: Engine) -> None:
        say("putting the rows back")
        with translated(), engine.begin() as connection:
            for table in rows.tables():
                rows.empty(connection, table)
                counts[table.name] = 0
                for batch in _batches(path, table.name):
                    rows.write(connection, table, batch)
                    counts[table.name] += len(batch)
            rows.continue_sequences(connection)
            send_again(connection)
        counts[PUBLISHED] = _see_again(settings, path)

    resetting.reset(settings, say, fill)
    return counts


def _see_again(settings: Settings, path: Path) -> int:
    """Give the observer back what it saw, of the events that will not be published again."""
    known = {row["event_id"] for row in _rows(path, "pruned_event")}
    if settings.stack == "embedded":  # the relay goes on from the restored checkpoint
        known |= {row["id"] for row in _rows(path, "outbox_event")}
    seen = [row for row in _rows(path, PUBLISHED) if row["event_id"] in known]
    store = ObserverStore(settings.observer_store, write=True)
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
    """A file that appears whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
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


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                value = json.loads(line)
            except ValueError:
                raise BackupUnfit(
                    f"{path}, line {number}: not JSON; the file is damaged, nothing was changed"
                ) from None
            if not isinstance(value, dict):
                raise BackupUnfit(f"{path}, line {number}: not a line of a back-up; nothing was changed")
            yield value


def _checked(path: Path) -> None:
    """Read all of it once. Raises BackupUnfit."""
    names = {table.name: set(table.c.keys()) for table in rows.tables()}
    names[PUBLISHED] = {"event_id", "seq", "correlation_id", "times"}
    found, end = 0, None
    for number, value in enumerate(_lines(path), 1):
        if number == 1:
            if value.get("alpes") != FORMAT:
                raise BackupUnfit(f"{path} is no back-up of this program; nothing was changed")
            if not known(str(value.get("schema"))):
                raise BackupUnfit(
                    f"{path} has schema {value.get('schema')}, which this program does not know: update it"
                )
        elif "end" in value:
            end = value["end"]
        else:
            table, row = value.get("table"), value.get("row")
            if table not in names or not isinstance(row, dict) or not row.keys() <= names[table]:
                raise BackupUnfit(f"{path}, line {number}: no row of a table this program has; nothing was changed")
            found += 1
    if end != found:
        raise BackupUnfit(f"{path} ends too early, with {found} rows; nothing was changed")


def _rows(path: Path, table: str) -> Iterator[dict[str, Any]]:
    return (value["row"] for value in _lines(path) if value.get("table") == table)


def _batches(path: Path, table: str) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in _rows(path, table):
        batch.append(row)
        if len(batch) == rows.BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
