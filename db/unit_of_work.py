"""Write the state and its outbox rows in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from db import outbox
from db.engine import Turns, discard
from db.errors import translate, translated
from db.fitting import check_outbox_row
from db.prepared import PreparedInsert
from db.repositories import SqlCommissions
from db.tables import outbox_event
from domain.ports import Currencies, NewId

_INSERT = PreparedInsert(outbox_event)

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
        turns: Turns | None = None,
    ) -> None:
        """`turns`: shared by all threads that write through this engine."""
        self._engine = engine
        self._currencies = currencies
        self._new_id = new_id
        self._on_commit = on_commit
        self._reached = reached
        self._turns = turns or Turns(engine)
        self._has_turn = False
        self._end_turn: Callable[[], None] = lambda: None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        with translated():
            self._connection = self._engine.connect()  # the first statement begins the transaction
        self.commissions = SqlCommissions(self._connection, self._currencies, self._take_turn)
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
            row["payload"] = check_outbox_row(outbox_event, row)
        self.commissions.write_added()  # only now, so that other writers wait for nothing but the statements
        self._reached("state_written")
        with translated():
            self._take_turn()
            for row in rows:
                _INSERT.execute(self._connection, row)
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

    def _take_turn(self) -> None:
        if not self._has_turn:
            self._has_turn = True
            self._end_turn = self._turns.take()

    def _close(self) -> None:
        if self._connection is not None:
            try:
                discard(self._connection)
            finally:
                self._connection = None
                self._end_turn()
