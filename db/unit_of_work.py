"""Write the state and its outbox rows in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, insert

from db import outbox
from db.engine import discard
from db.errors import translate, translated
from db.fitting import check_outbox_row
from db.repositories import SqlCommissions
from db.tables import outbox_event
from domain.ports import Currencies, NewId

_INSERT = insert(outbox_event)

Reached = Callable[[str], None]
"""Called with `state_written`, `outbox_written` and `committed` when they are reached; an exception ends the transaction."""

OnCommit = Callable[[tuple[str, ...], int], None]
"""Called after a commit that wrote events, with their ids and the time of the commit in microseconds since the epoch."""


class SqlUnitOfWork:
    """A transaction. Its methods raise db.errors.DatabaseUnavailable when the database fails; then it is rolled back."""

    commissions: SqlCommissions

    def __init__(
        self,
        engine: Engine,
        currencies: Currencies,
        new_id: NewId,
        on_commit: OnCommit,
        reached: Reached = lambda point: None,
    ) -> None:
        self._engine = engine
        self._currencies = currencies
        self._new_id = new_id
        self._on_commit = on_commit
        self._reached = reached
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        with translated():
            self._connection = self._engine.connect()
            try:
                self._connection.begin()
            except BaseException:
                self._close()
                raise
        self.commissions = SqlCommissions(self._connection, self._currencies)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()  # closing a connection rolls back what was not committed
        unavailable = None if error is None else translate(error)
        if unavailable is not None:
            raise unavailable from error

    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        """Write the outbox rows, commit, and return the rows' ids.

        Raise InvalidField or TooLarge for an event that breaks the contract; then nothing is written.
        """
        assert self._connection is not None
        rows = [
            outbox.build_row(event, self._new_id(), correlation_id, traceparent)
            for commission in self.commissions.changed
            for event in commission.events
        ]
        for row in rows:
            check_outbox_row(outbox_event, row)
        self._reached("state_written")
        with translated():
            if rows:
                self._connection.execute(_INSERT, rows)
            self._reached("outbox_written")
            self._connection.commit()
        committed_us = time.time_ns() // 1000
        self._reached("committed")
        for commission in self.commissions.changed:
            commission.events.clear()
        event_ids = tuple(str(row["id"]) for row in rows)
        if event_ids:
            self._on_commit(event_ids, committed_us)
        return event_ids

    def _close(self) -> None:
        if self._connection is not None:
            discard(self._connection)
            self._connection = None
