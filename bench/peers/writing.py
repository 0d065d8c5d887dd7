"""Write the load of every publisher with the bare driver: a commission is calculated, then approved, each in a transaction."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Table

from bench.peers.counting import Committed
from db.outbox import build_row
from db.tables import commission, outbox_event
from domain.changes.approve import CommissionApproved
from domain.changes.calculate import CommissionCalculated
from domain.clock import utc_now
from domain.events import Event
from domain.outbox import OutboxRecord
from scenarios.bulk_rows import make_calculated, make_state

Publish = Callable[[OutboxRecord], None]
"""Publishes an event after its commit; it must not raise when the broker is unavailable."""


def _insert_statement(table: Table) -> str:
    names = [column.name for column in table.columns if column.name != "seq"]
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join([f'%({name})s' for name in names])})"


INSERT_COMMISSION, INSERT_EVENT = _insert_statement(commission), _insert_statement(outbox_event)
APPROVE = (
    "UPDATE commission SET status = %(status)s, version = %(version)s, updated_at = %(updated_at)s WHERE id = %(id)s"
)


class Writer:
    """One connection that commits one command after the other. Use it in one thread, as a context."""

    def __init__(self, engine: Engine, publish: Publish | None = None) -> None:
        """With `publish` no outbox row is written, and each event is published after its commit: a dual write."""
        self.committed: list[Committed] = []
        self._publish = publish
        self._connection = engine.raw_connection()
        self._cursor = self._connection.cursor()
        self._calculated: CommissionCalculated | None = None
        self._correlation_id = str(uuid.uuid4())

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def write(self) -> None:
        """Commit the next command: calculate a commission, or approve the one before."""
        event, statement, values = self._next_change()
        row = build_row(event, str(uuid.uuid4()), self._correlation_id, None)
        row["payload"] = json.dumps(row["payload"], separators=(",", ":"))
        began_us = time.time_ns() // 1000
        self._cursor.execute(statement, values)
        if self._publish is None:
            self._cursor.execute(INSERT_EVENT, row)
        self._connection.commit()
        committed_us = time.time_ns() // 1000
        self.committed.append(
            Committed(row["id"], event.commission_id, event.aggregate_version, began_us, committed_us)
        )
        if self._publish is not None:
            self._publish(OutboxRecord(seq=0, **row))

    def _next_change(self) -> tuple[Event, str, dict[str, Any]]:
        if (calculated := self._calculated) is not None:
            self._calculated = None
            at = utc_now()
            approved = CommissionApproved(
                commission_id=calculated.commission_id,
                aggregate_version=2,
                occurred_at=at,
                conversion_id=calculated.conversion_id,
                amount=calculated.amount,
                currency=calculated.currency,
            )
            values = {"status": approved.status, "version": 2, "updated_at": at, "id": approved.commission_id}
            return approved, APPROVE, values
        calculated = self._calculated = make_calculated()
        return calculated, INSERT_COMMISSION, make_state(calculated)


class Load:
    """Threads that write until a number of commands is committed, or until they are stopped."""

    def __init__(self, engine: Engine, writers: int, publishers: list[Publish] | None, interval_s: float = 0.0) -> None:
        """`publishers`: one for each writer, or None for writers of outbox rows. `interval_s`: pause after each command."""
        self._engine = engine
        self._writers = [Writer(engine, publishers[number] if publishers else None) for number in range(writers)]
        self._interval_s = interval_s
        self._left = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failures: list[Exception] = []

    @property
    def committed(self) -> list[Committed]:
        """The events committed so far, of one writer after the other."""
        return [event for writer in self._writers for event in list(writer.committed)]

    def write(self, commands: int) -> list[Committed]:
        """Commit so many commands and return their events. Raises the first error of a writer."""
        with self.running(commands) as threads:
            for thread in threads:
                thread.join()
        return self.committed

    @contextmanager
    def running(self, commands: int) -> Iterator[list[threading.Thread]]:
        """Write while the block runs, at most so many commands. Raises the first error of a writer at its end."""
        self._left = commands
        threads = [threading.Thread(target=self._run, args=(writer,), daemon=True) for writer in self._writers]
        for thread in threads:
            thread.start()
        try:
            yield threads
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        if self._failures:
            raise self._failures[0]

    def _run(self, writer: Writer) -> None:
        try:
            with writer:
                while self._take() and not self._stop.is_set():
                    writer.write()
                    if self._interval_s:
                        self._stop.wait(self._interval_s)
        except Exception as error:
            self._failures.append(error)

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0
