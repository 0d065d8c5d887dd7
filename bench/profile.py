"""Measure what a run costs: processor time and written bytes of each process, statements and flushes of a command."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
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
"""The process that sends the commands: this one."""
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
class _Usage:
    cpu_s: float
    written_bytes: int | None


class Meter:
    """Measures one run: enter `running` around it, then call `make_profile`."""

    def __init__(self, settings: Settings) -> None:
        """Find the processes of the instance. Raises NotRunning."""
        self._settings = settings
        self._processes = {CLIENT: psutil.Process()}
        for state in control(settings).states():
            with contextlib.suppress(psutil.Error):
                if state.pid:
                    self._processes[state.name] = psutil.Process(state.pid)
        self._before: dict[str, _Usage] = {}
        self._after: dict[str, _Usage] = {}
        self._wall_s = 0.0
        self._statements = itertools.count()
        """Threads may take numbers from it at the same time."""

    @contextmanager
    def running(self, engine: Engine) -> Iterator[None]:
        """Measure while the block runs; `engine` is the one by which the client writes."""

        def count(*_: object) -> None:
            next(self._statements)

        listeners = [(engine, "after_cursor_execute", count), (engine, "commit", count)]
        self._before, started_at = self._read_usage(), time.monotonic()
        for listener in listeners:
            event.listen(*listener)
        try:
            yield
        finally:
            for listener in listeners:
                event.remove(*listener)
            self._wall_s, self._after = time.monotonic() - started_at, self._read_usage()

    def make_profile(self, application: Application, events: int) -> Profile:
        """Return the costs of a run of so many events, after some more commands whose flushes are counted."""
        flushes = self._count_flushes(application)
        costs = [self._make_cost(name, events, flushes) for name in self._before.keys() & self._after.keys()]
        cpu_s = sum(cost.cpu_s for cost in costs)
        return Profile(
            events=events,
            wall_s=round(self._wall_s, 2),
            cpu_s=round(cpu_s, 2),
            cores_busy=round(cpu_s / self._wall_s, 2),
            statements_per_command=round(next(self._statements) / events, 1),
            processes=sorted(costs, key=lambda cost: -cost.cpu_s),
        )

    def _make_cost(self, name: str, events: int, flushes: dict[str, int] | None) -> ProcessCost:
        before, after = self._before[name], self._after[name]
        cpu_s = after.cpu_s - before.cpu_s
        written_kb = None
        if before.written_bytes is not None and after.written_bytes is not None:
            written_kb = round((after.written_bytes - before.written_bytes) / 1000 / events, 2)
        return ProcessCost(
            name=name,
            cpu_s=round(cpu_s, 2),
            cpu_ms_per_event=round(cpu_s * 1000 / events, 3),
            written_kb_per_event=written_kb,
            flushes_per_command=None if flushes is None else round(flushes[name] / FLUSHED_COMMANDS, 2),
        )

    def _read_usage(self) -> dict[str, _Usage]:
        usage = {}
        for name, process in self._processes.items():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                usage[name] = _Usage(times.user + times.system, _written_bytes(process))
        return usage

    def _count_flushes(self, application: Application) -> dict[str, int] | None:
        """Send commands and return how often each process flushed meanwhile; None where no process can be traced."""
        if not syscalls.is_available():
            return None
        with TemporaryDirectory(prefix="alpes-flushes-") as folder, contextlib.ExitStack() as tracers:
            counts = {name: Path(folder) / name for name in self._processes}
            try:
                for name, file in counts.items():
                    tracers.enter_context(_counting_flushes(self._processes[name].pid, file))
            except syscalls.TracingUnavailable:
                return None
            _send(application)
            tracers.close()
            return Counter({name: read_flushes(file.read_text(encoding="ascii")) for name, file in counts.items()})


def read_flushes(summary: str) -> int:
    """Return the number of calls in the summary that `strace -c` writes; it writes nothing when there was none."""
    rows = (line.split() for line in summary.splitlines())
    return sum(int(row[3]) for row in rows if row and row[-1] in syscalls.FLUSHES.split(","))


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


def _send(application: Application) -> None:
    correlation_id = str(uuid.uuid4())
    for _ in range(FLUSHED_COMMANDS):
        send_command(application, correlation_id)
    with contextlib.suppress(TookTooLong):  # how much was lost is not counted here
        until(
            lambda: count_notified(application, correlation_id) >= FLUSHED_COMMANDS,
            NOTIFIED_WITHIN_S,
            "all notified",
            0.1,
        )


def _written_bytes(process: psutil.Process) -> int | None:
    if not hasattr(process, "io_counters"):  # macOS
        return None
    try:
        return int(process.io_counters().write_chars)
    except psutil.Error:
        return None
