"""Measure what this machine can do without this product: loops, fsyncs, the stack's own database and its broker.

Machines of the same description differ by a factor of two, so a benchmark means something only next to these measurements of
the same machine.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from sqlalchemy import Engine

from application.components import COMPONENTS
from bench.bare_commits import WRITERS, count_best
from bench.bare_path import measure_bare_path
from bench.latency import count_warm_up
from connectors.admin import Admin
from db.engine import connect
from db.tables import metadata
from db.users import Passwords
from scenarios import end_to_end
from scenarios.waiting import until
from settings import Settings
from settings.stack_facts import DatabaseKind
from stacks.controls import control
from stacks.native import mysql
from stacks.native.artifacts import download_missing, read_artifacts
from stacks.processes import free_port

CPU_S, FSYNC_S, COMMIT_S = 0.5, 1.0, 2.0
ROUNDS = 500
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
    """Transactions of two rows (a commission and its outbox row) with the bare driver, from 1, 4 or 16 threads or processes:
    the quickest of them."""
    commit_p50_ms: float
    publish_p50_ms: float
    receive_p50_ms: float
    path_p50_ms: float
    """The last four figures are those of `bench.bare_path.BarePath`."""


def measure_floor(settings: Settings) -> Floor:
    """Measure for half a minute with the broker of this instance, which must run, and a database of the measurement's own.

    The commits go to a temporary database of the stack's kind: SQLite, or a `mysqld` with the native stack's options. The
    messages go over a topic of their own, which is deleted afterwards where the broker can delete one.
    Raises stacks.native.mysql.MysqlUnusable or FetchFailed, BrokerUnavailable, scenarios.waiting.TookTooLong, or OSError
    when the disk cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="alpes-floor-", dir=_nearest_existing(settings.home)) as folder:
        cpu, fsyncs = count_loops(CPU_S), count_fsyncs(Path(folder), FSYNC_S)
        with empty_database(settings.facts.database, Path(folder)) as engine, _topic(settings) as topic:
            path = measure_bare_path(settings, engine, topic, count_warm_up(settings), ROUNDS)
            commits = count_best(engine, COMMIT_S)
    return Floor(settings.stack, cpu, fsyncs, commits, *astuple(path))


@contextlib.contextmanager
def running_broker(settings: Settings, say: Callable[[str], None]) -> Iterator[Settings]:
    """Yield the settings of an instance whose broker runs: the running one where the topic can be deleted, else a private one.

    Raises StartFailed.
    """
    private = not settings.pulsar_admin_url
    if not private and control(settings).running():
        yield settings
        return
    without = tuple(name for name, component in COMPONENTS.items() if not component.is_server)
    with end_to_end.running(settings.stack, say, private=True, without=without) as started:
        yield started


@contextlib.contextmanager
def _topic(settings: Settings) -> Iterator[str]:
    topic = f"persistent://public/default/floor-{uuid.uuid4()}"
    yield topic
    if settings.pulsar_admin_url:
        with Admin(settings) as admin:
            admin.delete_topic(topic)


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


def _count_per_second(work: Callable[[], None], seconds: float) -> int:
    repetitions, started_at = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - started_at) < seconds:
        work()
        repetitions += 1
    return round(repetitions / elapsed_s)


@contextlib.contextmanager
def empty_database(kind: DatabaseKind, folder: Path) -> Iterator[Engine]:
    """Yield an empty temporary database with the product's tables. Raises what `measure_floor` raises for the database."""
    with contextlib.ExitStack() as exits:
        url = f"sqlite:///{folder / 'floor.db'}"
        if kind is DatabaseKind.MYSQL:
            url = exits.enter_context(_running_mysqld(folder))
        engine = connect(url, pool_size=max(WRITERS))
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


def _nearest_existing(folder: Path) -> Path:
    """Return the folder, or its nearest existing parent."""
    return next(candidate for candidate in (folder, *folder.parents) if candidate.is_dir())
