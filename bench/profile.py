"""Measure what a run costs: processor time and written bytes of each process, statements and flushes of a command."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from sqlalchemy import Engine, event

from application import Application
from bench.outcome import count_notified, send_command
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks import syscalls
from stacks.controls import control

CLIENT = "client"
"""The process that sends the commands: this one, and those that it starts for it."""
FLUSHED_COMMANDS = 100
"""Sent one after the other, so that no two commands share a flush."""
ATTACHED_WITHIN_S = 20.0
NOTIFIED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class ProcessCost:
    name: str
    cpu_s: float
    """Processor time, of the user and of the system."""
    cpu_ms_per_event: float
    written_kb_per_event: float | None
    """What it gave to write calls, of files for the most part; None where the system does not say. Not what went to the disk: some
    file systems count a megabyte for each changed page."""
    flushes_per_command: float | None
    """Calls of fsync and fdatasync while commands come one by one; None without strace."""


@dataclass(frozen=True, slots=True)
class Profile:
    events: int
    wall_s: float
    cpu_s: float
    """Of all processes."""
    cores_busy: float
    statements_per_command: float
    """Sent to the database by the client, with COMMIT."""
    processes: list[ProcessCost]
    """The most expensive first."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used since its beginning, or between two moments."""

    cpu_s: float
    written_bytes: int | None

    def since(self, before: Usage) -> Usage:
        """Return what was used since an earlier reading."""
        unmeasured = self.written_bytes is None or before.written_bytes is None
        return Usage(self.cpu_s - before.cpu_s, None if unmeasured else self.written_bytes - before.written_bytes)  # type: ignore[operator]

    def plus(self, other: Usage) -> Usage:
        """Return what two processes used together."""
        unmeasured = self.written_bytes is None or other.written_bytes is None
        return Usage(self.cpu_s + other.cpu_s, None if unmeasured else self.written_bytes + other.written_bytes)  # type: ignore[operator]


class Meter:
    """Measures one run: enter `running` around it, then call `make_profile`."""

    def __init__(self, settings: Settings, beside: Mapping[str, int] | None = None) -> None:
        """Find the processes of the instance, and those `beside` it: {name: process id}. Raises NotRunning."""
        self._settings = settings
        self._processes = {CLIENT: psutil.Process()}
        for state in control(settings).states():
            with contextlib.suppress(psutil.Error):
                if state.pid:
                    self._processes[state.name] = psutil.Process(state.pid)
        for name, pid in (beside or {}).items():
            with contextlib.suppress(psutil.Error):
                self._processes[name] = psutil.Process(pid)
        self._before: dict[str, Usage] = {}
        self._after: dict[str, Usage] = {}
        self._clients: list[Usage] = []
        self._wall_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure while the block runs."""
        self._before, started_at = self._read_usage(), time.monotonic()
        try:
            yield
        finally:
            self._wall_s, self._after = time.monotonic() - started_at, self._read_usage()

    def add_clients(self, usages: Iterable[Usage]) -> None:
        """Add what other processes used to send the commands of the run."""
        self._clients.extend(usages)

    def make_profile(self, application: Application, events: int) -> Profile:
        """Return the costs of a run of so many events, after some more commands whose statements and flushes are counted."""
        with self._counting_flushes() as flushes:
            statements = _send(application)
        costs = self.list_costs(events, flushes)
        cpu_s = sum(cost.cpu_s for cost in costs)
        return Profile(
            events=events,
            wall_s=round(self._wall_s, 2),
            cpu_s=round(cpu_s, 2),
            cores_busy=round(cpu_s / self._wall_s, 2),
            statements_per_command=round(statements / FLUSHED_COMMANDS, 1),
            processes=costs,
        )

    def list_costs(self, events: int, flushes: Mapping[str, int] | None = None) -> list[ProcessCost]:
        """Return what each process used for a run of so many events, the most expensive first."""
        names = self._before.keys() & self._after.keys()
        return sorted((self._make_cost(name, events, flushes or {}) for name in names), key=lambda cost: -cost.cpu_s)

    def _make_cost(self, name: str, events: int, flushes: Mapping[str, int]) -> ProcessCost:
        used = self._after[name].since(self._before[name])
        if name == CLIENT:
            for client in self._clients:
                used = used.plus(client)
        written = used.written_bytes
        return ProcessCost(
            name=name,
            cpu_s=round(used.cpu_s, 2),
            cpu_ms_per_event=round(used.cpu_s * 1000 / events, 3),
            written_kb_per_event=None if written is None else round(written / 1000 / events, 2),
            flushes_per_command=round(flushes[name] / FLUSHED_COMMANDS, 2) if name in flushes else None,
        )

    def _read_usage(self) -> dict[str, Usage]:
        usage = {}
        for name, process in self._processes.items():
            with contextlib.suppress(psutil.Error):
                usage[name] = read_usage(process)
        return usage

    @contextmanager
    def _counting_flushes(self) -> Iterator[dict[str, int]]:
        """Count how often each process flushes while the block runs: the dict has the counts afterwards, none if they cannot be had."""
        flushes: dict[str, int] = {}
        with TemporaryDirectory(prefix="alpes-flushes-") as folder, contextlib.ExitStack() as tracers:
            files = {name: Path(folder) / name for name in self._processes}
            try:
                if not syscalls.is_available():
                    raise syscalls.TracingUnavailable("no process can be traced here")
                for name, file in files.items():
                    tracers.enter_context(_counting_flushes(self._processes[name].pid, file))
            except syscalls.TracingUnavailable:
                files.clear()
            yield flushes
            tracers.close()
            flushes.update({name: read_flushes(file.read_text(encoding="ascii")) for name, file in files.items()})


def read_usage(process: psutil.Process) -> Usage:
    """Return what a process has used until now. Raises psutil.Error."""
    times = process.cpu_times()
    return Usage(times.user + times.system, _written_bytes(process))


def read_flushes(summary: str) -> int:
    """Return the number of calls in the summary that `strace -c` writes; it writes nothing when there was none."""
    rows = (line.split() for line in summary.splitlines())
    return sum(int(row[3]) for row in rows if row and row[-1] in syscalls.FLUSHES.split(","))


@contextmanager
def _counting_statements(engine: Engine) -> Iterator[Iterator[int]]:
    """Yield the count of the statements and commits of an engine while the block runs: the next number is how many there were."""
    counted = itertools.count()

    def count(*_: object) -> None:
        next(counted)

    listeners = [(engine, "after_cursor_execute", count), (engine, "commit", count)]
    for listener in listeners:
        event.listen(*listener)
    try:
        yield counted
    finally:
        for listener in listeners:
            event.remove(*listener)


@contextmanager
def _counting_flushes(pid: int, file: Path) -> Iterator[None]:
    """Count the flushes of a process into a file while the block runs. Raises TracingUnavailable."""
    strace = shutil.which("strace")
    assert strace is not None
    file.touch()
    tracer = subprocess.Popen(
        [strace, "-qq", "-f", "-c", "-e", f"trace={syscalls.FLUSHES}", "-o", str(file), "-p", str(pid)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with contextlib.suppress(TookTooLong):
            until(lambda: syscalls.is_traced(pid) or tracer.poll() is not None, ATTACHED_WITHIN_S, "strace", 0.02)
        if not syscalls.is_traced(pid):
            raise syscalls.TracingUnavailable(f"strace cannot trace process {pid}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)  # it writes its summary then
        tracer.wait()


def _send(application: Application) -> int:
    """Send commands one after the other, wait until all are notified, and return the number of statements and commits of this client."""
    correlation_id = str(uuid.uuid4())
    with _counting_statements(application.engine) as counted:
        for _ in range(FLUSHED_COMMANDS):
            send_command(application, correlation_id)
        statements = next(counted)
    with contextlib.suppress(TookTooLong):  # how much was lost is not counted here
        until(
            lambda: count_notified(application, correlation_id) >= FLUSHED_COMMANDS,
            NOTIFIED_WITHIN_S,
            "all notified",
            0.1,
        )
    return statements


def _written_bytes(process: psutil.Process) -> int | None:
    if not hasattr(process, "io_counters"):  # macOS
        return None
    try:
        return int(process.io_counters().write_chars)
    except psutil.Error:
        return None
