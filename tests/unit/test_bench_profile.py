"""A profile counts what each process did between two moments, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine

from application import Application
from bench import profile
from bench.profile import CLIENT, Meter, Usage, read_flushes
from domain.commands import CalculateCommission
from settings import Settings, load
from stacks import syscalls
from tests.clocks import patch_time

SUMMARY = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 98.12    0.012345         123       100           fdatasync
  1.88    0.000236           7        31         2 fsync
------ ----------- ----------- --------- --------- ----------------
100.00    0.012581          96       131         2 total
"""


@dataclass
class Process:
    """A process that has used `cpu_s` and written `written_bytes` each time it is asked."""

    pid: int
    cpu_s: list[float]
    written_bytes: list[int] = field(default_factory=lambda: [0, 0])
    has_ended: bool = False

    def cpu_times(self) -> SimpleNamespace:
        if self.has_ended:
            raise psutil.NoSuchProcess(self.pid)
        return SimpleNamespace(user=self.cpu_s.pop(0), system=1.0)

    def io_counters(self) -> SimpleNamespace:
        return SimpleNamespace(write_chars=self.written_bytes.pop(0))


def states(*names_and_pids: tuple[str, int]) -> Any:
    rows = [SimpleNamespace(name=name, pid=pid) for name, pid in names_and_pids]
    return lambda _settings: SimpleNamespace(states=lambda: rows)


@pytest.fixture
def settings(tmp_path: Path, engine: Engine) -> Settings:
    return load(stack="embedded", home=tmp_path, database_url=engine.url.render_as_string(hide_password=False))


@pytest.fixture(autouse=True)
def few_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs here that would notify of them."""
    monkeypatch.setattr(profile, "NOTIFIED_WITHIN_S", 0.0)
    monkeypatch.setattr(profile, "FLUSHED_COMMANDS", 5)


@pytest.fixture
def application(settings: Settings) -> Iterator[Application]:
    with Application(settings) as application:
        yield application


def test_each_process_has_its_costs_and_the_most_expensive_is_first(
    settings: Settings, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        None: Process(1, [1.0, 1.5], [1000, 1000]),
        7: Process(7, [10.0, 12.0], [0, 40_000]),
        8: Process(8, [3.0, 3.1], [5, 5]),
    }
    monkeypatch.setattr(profile, "control", states(("worker", 7), ("relay", 8), ("stopped", 0)))
    monkeypatch.setattr("bench.profile.psutil.Process", lambda pid=None: found[pid])
    monkeypatch.setattr(syscalls, "is_available", lambda: False)
    moments = iter([100.0, 104.0])
    patch_time(monkeypatch, "bench.profile", monotonic=lambda: next(moments))
    meter = Meter(settings)
    with meter.running():
        pass
    measured = meter.make_profile(application, 20)
    assert [(cost.name, cost.cpu_s, cost.cpu_ms_per_event) for cost in measured.processes] == [
        ("worker", 2.0, 100.0),
        (CLIENT, 0.5, 25.0),
        ("relay", 0.1, 5.0),
    ]
    assert [cost.written_kb_per_event for cost in measured.processes] == [2.0, 0.0, 0.0]
    assert {cost.flushes_per_command for cost in measured.processes} == {None}
    assert (measured.wall_s, measured.cpu_s, measured.cores_busy) == (4.0, 2.6, 0.65)


def test_a_process_that_ended_has_no_costs(
    settings: Settings, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {None: Process(1, [1.0, 1.5]), 7: Process(7, [10.0])}
    monkeypatch.setattr(profile, "control", states(("worker", 7)))
    monkeypatch.setattr("bench.profile.psutil.Process", lambda pid=None: found[pid])
    monkeypatch.setattr(syscalls, "is_available", lambda: False)
    meter = Meter(settings)
    with meter.running():
        found[7].has_ended = True
    assert [cost.name for cost in meter.make_profile(application, 1).processes] == [CLIENT]


def test_the_statements_of_a_command_are_counted(
    settings: Settings, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "control", states())
    monkeypatch.setattr(syscalls, "is_available", lambda: False)
    meter = Meter(settings)
    with meter.running():
        application.send(CalculateCommission("c", "aff-1", "cmp-1", "1.00", "USD"))
    statements = meter.make_profile(application, 1).statements_per_command
    assert (
        3.0 <= statements < 5.0
    )  # two inserts and the commit, and the timestamps, which another thread writes in batches


def test_what_other_processes_used_to_send_is_the_clients(
    settings: Settings, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "control", states())
    monkeypatch.setattr(syscalls, "is_available", lambda: False)
    monkeypatch.setattr("bench.profile.psutil.Process", lambda pid=None: Process(1, [1.0, 1.5], [1000, 2000]))
    meter = Meter(settings)
    with meter.running():
        pass
    meter.add_clients([Usage(0.25, 3000), Usage(0.25, 1000)])
    (cost,) = meter.make_profile(application, 1).processes
    assert (cost.cpu_s, cost.written_kb_per_event) == (1.0, 5.0)


@pytest.mark.parametrize(("summary", "flushes"), [(SUMMARY, 131), ("", 0)])
def test_the_flushes_are_the_calls_of_the_summary(summary: str, flushes: int) -> None:
    assert read_flushes(summary) == flushes


@pytest.mark.skipif(not syscalls.is_available(), reason="without strace nothing is counted")
def test_the_flushes_of_this_client_are_counted(
    settings: Settings, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite flushes its log at each commit of this process."""
    monkeypatch.setattr(profile, "control", states())
    meter = Meter(settings)
    with meter.running():
        application.send(CalculateCommission("7e6f2b52-6a45-4d3c-9c2f-1f4f0a0b7c11", "aff-1", "cmp-1", "1.00", "USD"))
    (cost,) = meter.make_profile(application, 1).processes
    assert cost.flushes_per_command is not None, "strace could not trace this process"
    assert cost.flushes_per_command >= 1
