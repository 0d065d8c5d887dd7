"""Read and check a whole back-up into a staging file next to the database, before anything of the instance changes."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
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
from db.sequence import check_sequence
from db.tables import metadata, outbox_event
from domain.errors import ExpectedError
from settings import Settings
from settings.stack_facts import DatabaseKind
from stacks import sqlite_files

FORMAT = 1
PUBLISHED = "observer.published"
_observer_table = Table(
    PUBLISHED,
    MetaData(),
    Column("event_id", String(64), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("times", Integer, nullable=False),
    Column("contents", String(128), nullable=True),
    Column("version", Integer, nullable=True),
)

_FOREIGN: dict[str, Collection[str]] = {
    "outbox_event": outbox_event.c.keys(),
    "dead_letter": ("event_id", "correlation_id"),
}
"""Columns in which SQLite accepts longer texts from other programs; a dead letter copies the ids of its outbox row."""

_REOPEN_LETTERS = text(
    "UPDATE dead_letter SET requeued_at = NULL WHERE requeued_at IS NOT NULL AND event_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM notification n WHERE n.event_id = dead_letter.event_id)"
    " AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.event_id = dead_letter.event_id AND d.seq > dead_letter.seq)"
)


class BackupUnfit(ExpectedError):
    """The file is not a complete back-up that this program can restore; nothing was changed."""


class Staged:
    """The rows of a checked back-up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def counts(self) -> dict[str, int]:
        """Return {table: rows}, and under PUBLISHED how many events the observer had seen."""
        with self._reading() as connection:
            counts_by_table = {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in rows.tables()
            }
            return counts_by_table | {
                PUBLISHED: connection.scalar(select(func.count()).select_from(_observer_table)) or 0
            }

    def batches(self, table: Table) -> Iterator[list[dict[str, Any]]]:
        with self._reading() as connection:
            result = connection.execution_options(yield_per=rows.BATCH).execute(
                select(table).order_by(*table.primary_key.columns)
            )
            for partition in result.mappings().partitions():
                yield [dict(row) for row in partition]

    def published(self, of_outbox: bool) -> list[dict[str, Any]]:
        """Return what the observer saw of the pruned events, and with `of_outbox` also of those in the outbox."""
        tables = ("pruned_event", "outbox_event") if of_outbox else ("pruned_event",)
        event_tables = [metadata.tables[name] for name in tables]
        ids = [table.c.id if table.name == "outbox_event" else table.c.event_id for table in event_tables]
        with self._reading() as connection:
            rows_by_event: dict[str, dict[str, Any]] = {}
            for id_column in ids:
                query = select(_observer_table).where(_observer_table.c.event_id.in_(select(id_column)))
                rows_by_event |= {row["event_id"]: dict(row) for row in connection.execute(query).mappings()}
            return list(rows_by_event.values())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            yield connection


def staging_file(settings: Settings) -> Path:
    return settings.data / "restore.db"


def discard(settings: Settings) -> None:
    """Remove the staging file that an earlier restore left."""
    sqlite_files.remove_database(staging_file(settings))


@contextmanager
def staged(settings: Settings, path: Path) -> Iterator[Staged]:
    """Read a whole back-up. Raises BackupUnfit with line and column, OSError, or DatabaseUnavailable on a full disk."""
    discard(settings)
    engine = connect(sqlite_url(staging_file(settings)), pool_size=1)
    try:
        with path.open(encoding="utf-8") as file, translated():
            metadata.create_all(engine)
            _observer_table.metadata.create_all(engine)
            with engine.begin() as connection:
                _Reader(path, connection, check_lengths=settings.facts.database is DatabaseKind.MYSQL).read(file)
                check_sequence(connection)
                connection.execute(_REOPEN_LETTERS)
        yield Staged(engine)
    except Unfit as error:
        raise BackupUnfit(f"{path}: {error}; nothing was changed") from None
    except UnicodeDecodeError as error:
        raise BackupUnfit(f"{path} is damaged: it is not UTF-8 ({error}); nothing was changed") from None
    finally:
        engine.dispose()
        discard(settings)


class _Reader:
    def __init__(self, path: Path, connection: Connection, check_lengths: bool) -> None:
        self._path = path
        self._connection = connection
        self._check_lengths = check_lengths
        self._tables = {table.name: table for table in rows.tables()} | {PUBLISHED: _observer_table}
        self._table: Table | None = None
        self._batch: list[tuple[int, dict[str, Any]]] = []

    def read(self, file: IO[str]) -> None:
        """Read and check every line. Raises BackupUnfit."""
        row_count, end = 0, None
        for number, line in enumerate(file, 1):
            value = self._parse_line(number, line)
            if number == 1:
                self._check_head(value)
            elif end is not None:
                raise self._unfit(number, "something stands behind the end of the back-up")
            elif "end" in value:
                end = value["end"]
            else:
                self._add_row(number, value)
                row_count += 1
        self._flush()
        if end != row_count:
            raise BackupUnfit(f"{self._path} ends too early, with {row_count} rows; nothing was changed")

    def _parse_line(self, number: int, line: str) -> dict[str, Any]:
        try:
            value = json.loads(line, object_pairs_hook=_refuse_duplicates)
        except Unfit as error:
            raise self._unfit(number, str(error)) from None
        except (ValueError, RecursionError):
            raise self._unfit(number, "not JSON; the file is damaged") from None
        if not isinstance(value, dict):
            raise self._unfit(number, "not a line of a back-up")
        return value

    def _check_head(self, value: dict[str, Any]) -> None:
        if value.get("alpes") != FORMAT:
            raise BackupUnfit(f"{self._path} is no back-up of this program; nothing was changed")
        if not is_known(str(value.get("schema"))):
            raise BackupUnfit(
                f"{self._path} has schema {value.get('schema')}, which this program does not know: update it"
            )

    def _add_row(self, number: int, value: dict[str, Any]) -> None:
        table, row = self._tables.get(str(value.get("table"))), value.get("row")
        if table is None or not isinstance(row, dict) or value.keys() - {"table", "row"}:
            raise self._unfit(number, "no row of a table this program has")
        if table is not self._table or len(self._batch) == rows.BATCH:
            self._flush()
            self._table = table
        foreign = () if self._check_lengths else _FOREIGN.get(table.name, ())
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
            self._write_one_by_one(self._table, batch)

    def _write_one_by_one(self, table: Table, batch: list[tuple[int, dict[str, Any]]]) -> None:
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


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unfit(f"column {next(name for name in names if names.count(name) > 1)} stands there twice")
    return members
