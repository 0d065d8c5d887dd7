"""Measure what this machine can do without this product: loops, fsyncs, and commits of the stack's own database.

Machines of the same description differ by a factor of two, so a benchmark means something only next to these three
measurements of the same machine.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table

from db.engine import connect
from db.tables import commission, metadata, outbox_event
from db.users import Passwords
from domain.changes.calculate import CommissionCalculated
from scenarios.waiting import until
from settings import Settings
from settings.stack_facts import DatabaseKind
from stacks.native import mysql
from stacks.native.artifacts import download_missing, read_artifacts
from stacks.processes import free_port

WRITERS = 4
CPU_S, FSYNC_S, COMMIT_S = 0.5, 1.0, 2.0
ADDITIONS_PER_LOOP = 1000
PAGE = b"\0" * 4096


@dataclass(frozen=True, slots=True)
class Floor:
    stack: str
    cpu_loops_per_s: int
    """Loops of 1,000 additions of one Python process on one core."""
    fsyncs_per_s: int
    """Appends of 4 KiB, each written to disk by fdatasync, on the file system of this user's instances."""
    commits_per_s: int
    """Transactions of two rows (a commission and its outbox row) from four writers, with the bare driver."""


def measure_floor(settings: Settings) -> Floor:
    """Take the three measurements in a few seconds, without touching an instance.

    The commits go to a temporary database of the stack's kind: SQLite, or a `mysqld` with the native stack's options.
    Raises stacks.native.mysql.MysqlUnusable or FetchFailed, or OSError when the disk cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="alpes-floor-", dir=_nearest_existing(settings.home)) as folder:
        cpu, fsyncs = count_loops(CPU_S), count_fsyncs(Path(folder), FSYNC_S)
        with _empty_database(settings.facts.database, Path(folder)) as engine:
            commits = count_commits(engine, COMMIT_S)
    return Floor(settings.stack, cpu, fsyncs, commits)


def count_loops(seconds: float) -> int:
    """Return how many loops of ADDITIONS_PER_LOOP additions run in a second."""

    def loop() -> None:
        total = 0
        for number in range(ADDITIONS_PER_LOOP):
            total += number

    return _count_per_second(loop, seconds)


def count_fsyncs(folder: Path, seconds: float) -> int:
    """Return how many pages a second are appended and synced on the file system of `folder`."""
    descriptor = os.open(folder / "fsync", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    synchronize = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync

    def append() -> None:
        os.write(descriptor, PAGE)
        synchronize(descriptor)

    try:
        return _count_per_second(append, seconds)
    finally:
        os.close(descriptor)


def count_commits(engine: Engine, seconds: float) -> int:
    """Return the transactions a second of WRITERS threads, each with a row of `commission` and one of `outbox_event`.

    Raises the first error of a writer.
    """
    counts, failures = [0] * WRITERS, list[Exception]()
    stop = threading.Event()
    statements = [_insert_statement(engine, table) for table in (commission, outbox_event)]

    def write(writer: int) -> None:
        try:
            with contextlib.closing(engine.raw_connection()) as connection:
                cursor = connection.cursor()
                while not stop.is_set():
                    if engine.dialect.name == "sqlite":
                        cursor.execute("BEGIN IMMEDIATE")
                    for statement, values in zip(statements, _make_rows(), strict=True):
                        cursor.execute(statement, values)
                    connection.commit()
                    counts[writer] += 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,), daemon=True) for writer in range(WRITERS)]
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


def _count_per_second(work: Callable[[], None], seconds: float) -> int:
    repetitions, started_at = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - started_at) < seconds:
        work()
        repetitions += 1
    return round(repetitions / elapsed_s)


@contextlib.contextmanager
def _empty_database(kind: DatabaseKind, folder: Path) -> Iterator[Engine]:
    """Yield an empty database with the product's tables."""
    with contextlib.ExitStack() as exits:
        url = f"sqlite:///{folder / 'floor.db'}"
        if kind is DatabaseKind.MYSQL:
            url = exits.enter_context(_running_mysqld(folder))
        engine = connect(url, pool_size=WRITERS)
        exits.callback(engine.dispose)
        until(lambda: _can_create_tables(engine), 60, "the database answers", 0.1)
        yield engine


def _can_create_tables(engine: Engine) -> bool:
    try:
        metadata.create_all(engine)
    except Exception:
        return False
    return True


@contextlib.contextmanager
def _running_mysqld(folder: Path) -> Iterator[str]:
    """Start a MySQL server with the native stack's options, yield its URL, and stop it at the end."""
    download_missing(read_artifacts(mysql.list_groups()))
    mysqld, port, data = mysql.obtain(), free_port(), folder / "mysql"
    mysql.initialize(mysqld, data)
    password = uuid.uuid4().hex
    command = mysql.command(
        mysqld,
        data=data,
        run=folder,
        port=port,
        bind="127.0.0.1",
        passwords=Passwords(password, password, password, password, password),
    )
    with (folder / "mysqld.log").open("wb") as log:
        server = subprocess.Popen(
            command.argv, cwd=command.cwd, env=os.environ | command.env, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield f"mysql+pymysql://alpes_admin:{password}@127.0.0.1:{port}/alpes"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _insert_statement(engine: Engine, table: Table) -> str:
    placeholder = "?" if engine.dialect.name == "sqlite" else "%s"
    names = [column.name for column in table.columns if column.name != "seq"]
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join([placeholder] * len(names))})"


def _make_rows() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the values of a commission and of its outbox row, in the order of their columns."""
    key, now = str(uuid.uuid4()), datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    payload = f'{{"commissionId":"{key}","conversionId":"{key}","amount":"12.05","currency":"USD"}}'
    state = (key, key, "aff-1", "cmp-1", "120.50", "0.10", "12.05", "USD", "CALCULATED", 1, now, now)
    event = (str(uuid.uuid4()), "commission", key, 1, CommissionCalculated.type, 1, payload, "floor", None, now)
    return state, event


def _nearest_existing(folder: Path) -> Path:
    """Return the folder, or its nearest existing parent."""
    return next(candidate for candidate in (folder, *folder.parents) if candidate.is_dir())
