"""Inserts that are compiled once for each database: SQLAlchemy's own way to a compiled statement takes twice as long as SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert

_Columns = list[tuple[str, Any]]
"""The columns in the order of a statement, each with what converts its values, or None."""
_Plan = tuple[str, _Columns, bool]
"""A statement's text, its columns, and whether it names its parameters, as the driver of MySQL wants it."""


class PreparedInsert:
    """The insert of rows with all columns of a table except `seq`, which the database assigns."""

    def __init__(self, table: Table, prefixes: Mapping[str, str] | None = None) -> None:
        """`prefixes`: name of the database → the words after INSERT there."""
        self._statement = insert(table)
        for database, words in (prefixes or {}).items():
            self._statement = self._statement.prefix_with(words, dialect=database)
        self._columns = [column.name for column in table.columns if column.name != "seq"]
        self._plans: dict[str, _Plan] = {}
        """By the name of the database."""

    def execute(self, connection: Connection, row: Mapping[str, Any]) -> None:
        """Insert a row. Raise KeyError without one of the columns, and what SQLAlchemy raises."""
        text, columns, has_names = self._get_plan(connection.dialect)
        connection.exec_driver_sql(text, _to_values(row, columns, has_names))

    def execute_all(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, at least one, with as few round trips as the driver needs. Raise as `execute` does."""
        text, columns, has_names = self._get_plan(connection.dialect)
        connection.exec_driver_sql(text, [_to_values(row, columns, has_names) for row in rows])

    def _get_plan(self, dialect: Dialect) -> _Plan:
        return self._plans.get(dialect.name) or self._prepare(dialect)

    def _prepare(self, dialect: Dialect) -> _Plan:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
        names = compiled.positiontup or self._columns
        columns = [(name, compiled._bind_processors.get(name)) for name in names]
        self._plans[dialect.name] = str(compiled), columns, not compiled.positiontup
        return self._plans[dialect.name]


def _to_values(row: Mapping[str, Any], columns: _Columns, has_names: bool) -> Any:
    if has_names:
        return {name: row[name] if convert is None else convert(row[name]) for name, convert in columns}
    return tuple([row[name] if convert is None else convert(row[name]) for name, convert in columns])
