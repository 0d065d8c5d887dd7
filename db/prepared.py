"""Inserts that are compiled once for each database: SQLAlchemy's own way to a compiled statement takes twice as long as SQLite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert


class PreparedInsert:
    """The insert of one row with all columns of a table except `seq`, which the database assigns."""

    def __init__(self, table: Table) -> None:
        self._statement = insert(table)
        self._columns = [column.name for column in table.columns if column.name != "seq"]
        self._plans: dict[str, tuple[str, list[tuple[str, Any]]]] = {}
        """Name of the database → the statement's text, and the columns in its order with what converts their values."""

    def execute(self, connection: Connection, row: Mapping[str, Any]) -> None:
        """Insert a row. Raise KeyError without one of the columns, and what SQLAlchemy raises."""
        dialect = connection.dialect
        text, columns = self._plans.get(dialect.name) or self._prepare(dialect)
        values = tuple([row[name] if convert is None else convert(row[name]) for name, convert in columns])
        connection.exec_driver_sql(text, values)

    def _prepare(self, dialect: Dialect) -> tuple[str, list[tuple[str, Any]]]:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
        columns = [(name, compiled._bind_processors.get(name)) for name in compiled.positiontup]
        self._plans[dialect.name] = str(compiled), columns
        return self._plans[dialect.name]
