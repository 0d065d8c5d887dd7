"""A back-up's rows, read and judged whole into a file beside the database, before anything of the instance is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, func, select, text
from sqlalchemy.exc import IntegrityError

from db import backup_values, rows
from db.backup_values import Unfit
from db.engine import READ, connect, sqlite_url
from db.errors import translated
from db.migrate import is_known
from db.tables import metadata
from settings import Settings

FORMAT = 1
PUBLISHED = "observer.published"
_seen = Table(
    PUBLISHED,
    MetaData(),
    Column("event_id", String(64), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("times", Integer, nullable=False),
    Column("contents", String(128), nullable=True),
    Column("version", Integer, nullable=True),
)

_REQUEUED = text(
    "UPDATE dead_letter SET requeued_at = NULL WHERE requeued_at IS NOT NULL AND event_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM notification n WHERE n.event_id = dead_letter.event_id)"
    " AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.event_id = dead_letter.event_id AND d.seq > dead_letter.seq)"
)


class BackupUnfit(Exception):
    """The file is no whole back-up that this program can restore; nothing was changed."""


class Staged:
    """The rows of a back-up that fits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def counts(self) -> dict[str, int]:
        """{table: rows}, and how many events the observer had seen."""
        with self._reading() as connection:
            found = {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in rows.tables()
            }
            return found | {PUBLISHED: connection.scalar(select(func.count()).select_from(_seen)) or 0}

    def batches(self, table: Table) -> Iterator[list[dict[str, Any]]]:
        with self._reading() as connection:
            found = connection.execution_options(yield_per=rows.BATCH).execute(
                select(table).order_by(*table.primary_key.columns)
            )
            for part in found.mappings().partitions():
                yield [dict(row) for row in part]

    def published(self, of_outbox: bool) -> list[dict[str, Any]]:
        """What the observer saw of the events that were pruned, with `of_outbox` of those in the outbox too."""
        tables = ("pruned_event", "outbox_event") if of_outbox else ("pruned_event",)
        names = [metadata.tables[name] for name in tables]
        ids = [table.c.id if table.name == "outbox_event" else table.c.event_id for table in names]
        with self._reading() as connection:
            found: dict[str, dict[str, Any]] = {}
            for each in ids:
                query = select(_seen).where(_seen.c.event_id.in_(select(each)))
                found |= {row["event_id"]: dict(row) for row in connection.execute(query).mappings()}
            return list(found.values())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            yield connection


def place(settings: Settings) -> Path:
    return settings.data / "restore.db"


def discard(settings: Settings) -> None:
    """Remove what an earlier reading left."""
    for path in settings.data.glob(place(settings).name + "*"):
        path.unlink(missing_ok=True)


@contextmanager
def staged(settings: Settings, path: Path) -> Iterator[Staged]:
    """Read a back-up whole. Raises BackupUnfit naming line and column, OSError, or DatabaseUnavailable on a full disk."""
    discard(settings)
    engine = connect(sqlite_url(place(settings)), pool_size=1)
    try:
        with path.open(encoding="utf-8") as file, translated():
            metadata.create_all(engine)
            _seen.metadata.create_all(engine)
            with engine.begin() as connection:
                _Reader(path, connection, lengths=settings.stack != "embedded").read(file)
                connection.execute(_REQUEUED)
        yield Staged(engine)
    except UnicodeDecodeError as error:
        raise BackupUnfit(f"{path} is damaged: it is not UTF-8 ({error}); nothing was changed") from None
    finally:
        engine.dispose()
        discard(settings)


class _Reader:
    def __init__(self, path: Path, connection: Connection, lengths: bool) -> None:
        self._path = path
        self._connection = connection
        self._lengths = lengths
        self._tables = {table.name: table for table in rows.tables()} | {PUBLISHED: _seen}
        self._table: Table | None = None
        self._batch: list[tuple[int, dict[str, Any]]] = []

    def read(self, file: IO[str]) -> None:
        """Raises BackupUnfit."""
        found, end = 0, None
        for number, line in enumerate(file, 1):
            value = self._value(number, line)
            if number == 1:
                self._head(value)
            elif end is not None:
                raise self._unfit(number, "something stands behind the end of the back-up")
            elif "end" in value:
                end = value["end"]
            else:
                self._row(number, value)
                found += 1
        self._flush()
        if end != found:
            raise BackupUnfit(f"{self._path} ends too early, with {found} rows; nothing was changed")

    def _value(self, number: int, line: str) -> dict[str, Any]:
        try:
            value = json.loads(line, object_pairs_hook=_once)
        except Unfit as error:
            raise self._unfit(number, str(error)) from None
        except (ValueError, RecursionError):
            raise self._unfit(number, "not JSON; the file is damaged") from None
        if not isinstance(value, dict):
            raise self._unfit(number, "not a line of a back-up")
        return value

    def _head(self, value: dict[str, Any]) -> None:
        if value.get("alpes") != FORMAT:
            raise BackupUnfit(f"{self._path} is no back-up of this program; nothing was changed")
        if not is_known(str(value.get("schema"))):
            raise BackupUnfit(
                f"{self._path} has schema {value.get('schema')}, which this program does not know: update it"
            )

    def _row(self, number: int, value: dict[str, Any]) -> None:
        table, row = self._tables.get(str(value.get("table"))), value.get("row")
        if table is None or not isinstance(row, dict) or value.keys() - {"table", "row"}:
            raise self._unfit(number, "no row of a table this program has")
        if table is not self._table or len(self._batch) == rows.BATCH:
            self._flush()
            self._table = table
        # Others may write to the outbox, and SQLite let them write longer texts.
        foreign = table.name == "outbox_event" and not self._lengths
        try:
            self._batch.append((number, backup_values.convert_row(table, row, foreign)))
        except Unfit as error:
            raise self._unfit(number, f"table {table.name}, {error}") from None

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if not batch or self._table is None:
            return
        try:
            with self._connection.begin_nested():
                rows.write(self._connection, self._table, [row for _, row in batch])
        except IntegrityError:
            self._one_by_one(self._table, batch)

    def _one_by_one(self, table: Table, batch: list[tuple[int, dict[str, Any]]]) -> None:
        for number, row in batch:
            try:
                rows.write(self._connection, table, [row])
            except IntegrityError as error:
                columns = re.sub(r"^.*failed: ", "", str(error.orig)).replace(f"{table.name}.", "")
                raise self._unfit(
                    number, f"table {table.name}, column {columns}: another row has this value, and only one may"
                ) from None

    def _unfit(self, number: int, why: str) -> BackupUnfit:
        return BackupUnfit(f"{self._path}, line {number}: {why}; nothing was changed")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unfit(f"column {next(name for name in names if names.count(name) > 1)} stands there twice")
    return found
