"""Inserts that are compiled once for each database: SQLAlchemy's own way to a compiled statement takes twice as long as SQLite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, Dialect, Table, insert
from sqlalchemy.types import TypeEngine

_Convert = Callable[[Any], Any]
_Columns = list[tuple[str, _Convert | None]]
"""The columns in the order of a statement, each with what converts its values, or None."""
_Plan = tuple[str, _Columns]
"""A statement's text and its columns."""


class JsonText(str):
    """The value of a JSON column as the text that is stored. Other values are serialized."""

    __slots__ = ()


class PreparedInsert:
    """The insert of rows with all columns of a table except `seq`, which the database assigns."""

    def __init__(self, table: Table, endings: Mapping[str, str] | None = None) -> None:
        """`endings`: name of the database → the end of the statement there, which says what becomes of a row that exists."""
        self._table = table
        self._statement = insert(table)
        self._endings = endings or {}
        self._columns = [column.name for column in table.columns if column.name != "seq"]
        self._plans: dict[str, _Plan] = {}
        """By the name of the database."""

    def execute(self, connection: Connection, row: Mapping[str, Any]) -> None:
        """Insert a row. Raise KeyError without one of the columns, and what SQLAlchemy raises."""
        text, columns = self._get_plan(connection.dialect)
        connection.exec_driver_sql(text, _to_values(row, columns))

    def execute_all(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, at least one, with as few round trips as the driver needs. Raise as `execute` does."""
        text, columns = self._get_plan(connection.dialect)
        connection.exec_driver_sql(text, [_to_values(row, columns) for row in rows])

    def execute_tuples(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows as `execute_all` does, given as the values of the columns in the table's order, as the driver takes them."""
        connection.exec_driver_sql(self._get_plan(connection.dialect)[0], list(rows))

    def _get_plan(self, dialect: Dialect) -> _Plan:
        return self._plans.get(dialect.name) or self._prepare(dialect)

    def _prepare(self, dialect: Dialect) -> _Plan:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
        columns = [
            (name, _choose_conversion(self._table.c[name].type, compiled._bind_processors.get(name), dialect))
            for name in compiled.positiontup
        ]
        self._plans[dialect.name] = str(compiled) + self._endings.get(dialect.name, ""), columns
        return self._plans[dialect.name]


def _choose_conversion(kind: TypeEngine[Any], convert: _Convert | None, dialect: Dialect) -> _Convert | None:
    """Return what converts a column's values: SQLAlchemy's own function, or a quicker one with the same result."""
    if isinstance(kind, JSON) and convert is not None:
        return lambda value: value if type(value) is JsonText else convert(value)
    if isinstance(kind, DateTime) and dialect.name == "sqlite":
        return _format_time
    return convert


def _format_time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(" ", "microseconds")


def _to_values(row: Mapping[str, Any], columns: _Columns) -> tuple[Any, ...]:
    return tuple([row[name] if convert is None else convert(row[name]) for name, convert in columns])
