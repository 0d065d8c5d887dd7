"""Count the commits a second of the bare database: each transaction writes a commission and its outbox row, with the driver only."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe
from typing import Any

from sqlalchemy import Engine, Table

from bench import children
from db.engine import connect
from db.tables import commission, outbox_event
from domain.changes.calculate import CommissionCalculated

WRITERS = (1, 4, 16)
Count = Callable[[Engine, int, float], int]
"""Counts the transactions a second of some writers, for some seconds."""


def count_best(engine: Engine, seconds: float) -> int:
    """Return the transactions a second of the quickest way: 1, 4 or 16 writers, as threads or as processes."""
    counts = [count_by_threads(engine, writers, seconds) for writers in WRITERS]
    counts += [count_by_processes(engine, writers, seconds) for writers in WRITERS if writers > 1]
    return max(counts)


def count_by_threads(engine: Engine, writers: int, seconds: float) -> int:
    """Return the transactions a second of as many threads. Raise the first error of a writer."""
    counts, failures = [0] * writers, list[Exception]()
    stop = threading.Event()

    def write(writer: int) -> None:
        try:
            with BareWriter(engine) as bare:
                while not stop.is_set():
                    bare.commit()
                    counts[writer] += 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,), daemon=True) for writer in range(writers)]
    started_at = time.perf_counter()
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return round(sum(counts) / (time.perf_counter() - started_at))


def count_by_processes(engine: Engine, writers: int, seconds: float) -> int:
    """Return the transactions a second of as many processes. Raise ChildFailed when one ends too early."""
    url = engine.url.render_as_string(hide_password=False)
    with children.running_all("writer", _run_writer, [(url, seconds)] * writers) as processes:
        started_at = time.perf_counter()
        for process in processes:
            process.pipe.send("start")
        total: int = sum(process.receive() for process in processes)
        return round(total / (time.perf_counter() - started_at))


def _run_writer(url: str, seconds: float, pipe: Pipe) -> None:
    engine = connect(url, pool_size=1)
    try:
        with BareWriter(engine) as bare:
            pipe.send(children.READY)
            pipe.recv()
            count, ends_at = 0, time.perf_counter() + seconds
            while time.perf_counter() < ends_at:
                bare.commit()
                count += 1
            pipe.send(count)
            pipe.poll(None)  # until the other end is closed
    finally:
        engine.dispose()


class BareWriter:
    """One connection of the driver that commits rows of any tables. Use it in one thread, as a context."""

    def __init__(self, engine: Engine) -> None:
        self._begins = engine.dialect.name == "sqlite"
        self._placeholder = "?" if self._begins else "%s"
        self._connection = engine.raw_connection()
        self._cursor = self._connection.cursor()
        self._statements = [self.insert_statement(table) for table in (commission, outbox_event)]

    def __enter__(self) -> BareWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def commit(self) -> None:
        """Commit a new commission and its outbox row."""
        self.commit_rows(list(zip(self._statements, _make_rows(), strict=True)))

    def commit_rows(self, rows: list[tuple[str, tuple[Any, ...]]]) -> None:
        """Run each statement with its values, in one transaction."""
        if self._begins:
            self._cursor.execute("BEGIN IMMEDIATE")
        for statement, values in rows:
            self._cursor.execute(statement, values)
        self._connection.commit()

    def insert_statement(self, table: Table) -> str:
        """Return the statement that inserts a row of this table, without `seq`, which the database assigns."""
        names = [column.name for column in table.columns if column.name != "seq"]
        return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join([self._placeholder] * len(names))})"


def now() -> str:
    """Return the present time as both databases read it."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(" ")


def _make_rows() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the values of a commission and of its outbox row, in the order of their columns."""
    key, at = str(uuid.uuid4()), now()
    payload = f'{{"commissionId":"{key}","conversionId":"{key}","amount":"12.05","currency":"USD"}}'
    state = (key, key, "aff-1", "cmp-1", "120.50", "0.10", "12.05", "USD", "CALCULATED", 1, at, at)
    event = (str(uuid.uuid4()), "commission", key, 1, CommissionCalculated.type, 1, payload, "floor", None, at)
    return state, event
