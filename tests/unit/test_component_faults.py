"""A paused component and one with a full disk go on when the fault ends, also when nobody ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from application import leases
from connectors.admin import AdminUnavailable
from scenarios.waiting import until
from settings import Settings
from stacks import faults, syscalls
from stacks.control import PartUnknown
from stacks.native import mysql
from stacks.proxy.network import Network, read_fault
from stacks.syscalls import TracingUnavailable

WRITES = """
import select, sys
while True:
    with open(sys.argv[1], "a") as file:
        file.write("x")
    select.select([], [], [], 0.01)
"""
ENDS_WITHIN_S = 10


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, edge_ports={"worker-broker": 1})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "written"


@pytest.fixture
def pid(written: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process that appends to a file, in the place of a component; it ends at its first failed write."""
    process = subprocess.Popen([sys.executable, "-c", WRITES, str(written)], stderr=subprocess.DEVNULL)
    known = {"audit": process.pid}
    monkeypatch.setattr(faults, "control", lambda _: SimpleNamespace(pid=lambda part: known.get(part, 0)))
    until(lambda: written.exists() and written.stat().st_size > 0, ENDS_WITHIN_S, "it writes")
    yield process.pid
    process.kill()
    process.wait()


def _is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def test_a_pause_ends_when_it_is_ended(settings: Settings, pid: int) -> None:
    faults.pause(settings, "audit", 30)
    until(lambda: _is_stopped(pid), ENDS_WITHIN_S, "paused")
    faults.resume(settings, "audit")
    until(lambda: not _is_stopped(pid), ENDS_WITHIN_S, "resumed")
    assert leases.active(settings) == []


def test_a_pause_whose_lease_is_over_is_ended_by_the_watcher(settings: Settings, pid: int) -> None:
    lease = faults.pause(settings, "audit", 0.2)
    faults.end_expired(settings)
    until(lambda: _is_stopped(pid), ENDS_WITHIN_S, "paused")
    until(lambda: time.time() > lease.expires_at, ENDS_WITHIN_S, "expired")
    faults.end_expired(settings)
    until(lambda: not _is_stopped(pid), ENDS_WITHIN_S, "resumed")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: another process's limits")
def test_nothing_can_be_written_to_a_full_disk(settings: Settings, pid: int, written: Path) -> None:
    faults.fill_disk(settings, "audit", 30)
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, ENDS_WITHIN_S, "its write failed")
    faults.free_disk(settings, "audit")
    assert leases.active(settings) == []


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: another process's limits")
def test_an_expired_full_disk_is_freed(settings: Settings, monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    faults.pause(settings, "audit", 30)  # so that it does not end at its failed write
    lease = faults.fill_disk(settings, "audit", 0.0)
    assert psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE)[0] == 0
    until(lambda: time.time() > lease.expires_at, ENDS_WITHIN_S, "expired")
    faults.end_expired(settings)
    soft, hard = psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE)
    assert soft == hard


FLUSHES = """
import os, sys, time
while True:
    with open(sys.argv[1], "a") as file:
        file.write("x")
        file.flush()
        os.fsync(file.fileno())
"""
INJECTED_S = 0.8
SLOW_S = 0.6
"""Less, because the size of the file is polled."""


@pytest.fixture
def flushing_pid(written: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process that appends to a file and flushes it, in the place of a component."""
    process = subprocess.Popen([sys.executable, "-c", FLUSHES, str(written)])
    monkeypatch.setattr(faults, "control", lambda _: SimpleNamespace(pid=lambda part: process.pid))
    until(lambda: written.exists() and written.stat().st_size > 0, ENDS_WITHIN_S, "it writes")
    yield process.pid
    process.kill()
    process.wait()


def _has_grown(file: Path, size: int) -> bool:
    return file.stat().st_size > size


def _append_s(written: Path) -> float:
    """Return the time between two flushed appends."""
    times: list[float] = []
    for _ in range(2):
        until(partial(_has_grown, written, written.stat().st_size), ENDS_WITHIN_S, "it writes", 0.001)
        times.append(time.monotonic())
    return times[1] - times[0]


needs_strace = pytest.mark.skipif(not syscalls.is_available(), reason="strace: sudo apt-get install strace")


@needs_strace
def test_each_flush_is_slow_until_the_fault_is_ended(settings: Settings, written: Path, flushing_pid: int) -> None:
    assert _append_s(written) < SLOW_S
    faults.slow_fsync(settings, "audit", INJECTED_S, 30)
    assert _append_s(written) >= SLOW_S
    assert _append_s(written) >= SLOW_S
    faults.quicken_fsync(settings, "audit")
    _append_s(written)  # the first may have begun before
    assert _append_s(written) < SLOW_S
    assert leases.active(settings) == []
    assert psutil.Process(flushing_pid).status() != psutil.STATUS_STOPPED


@needs_strace
def test_slow_flushes_end_with_their_time_although_nobody_ends_them(
    settings: Settings, written: Path, flushing_pid: int
) -> None:
    faults.slow_fsync(settings, "audit", INJECTED_S, 2)
    assert _append_s(written) >= SLOW_S
    until(lambda: _append_s(written) < SLOW_S, ENDS_WITHIN_S, "quick again")
    faults.end_expired(settings)
    assert leases.find_expired(settings, "slow-fsync") == []


@needs_strace
def test_only_the_files_of_a_full_disk_refuse_writes(settings: Settings, written: Path, flushing_pid: int) -> None:
    faults.fill_disk_of_files(settings, "audit", [written.with_name("another")], 30)
    _append_s(written)
    faults.free_disk(settings, "audit")
    faults.fill_disk_of_files(settings, "audit", [written], 30)
    until(lambda: psutil.Process(flushing_pid).status() == psutil.STATUS_ZOMBIE, ENDS_WITHIN_S, "its write failed")
    faults.free_disk(settings, "audit")
    assert leases.active(settings) == []


def test_the_binlog_is_the_newest_file_of_its_name(tmp_path: Path) -> None:
    for name in ("mysql-bin.000009", "mysql-bin.000010", "mysql-bin.index", "ib_logfile0"):
        (tmp_path / name).touch()
    assert mysql.find_binlog(tmp_path).name == "mysql-bin.000010"


@needs_strace
def test_a_process_that_ended_meanwhile_is_no_error(settings: Settings, flushing_pid: int) -> None:
    faults.slow_fsync(settings, "audit", INJECTED_S, 30)
    psutil.Process(flushing_pid).kill()
    faults.quicken_fsync(settings, "audit")
    assert leases.active(settings) == []


def test_without_strace_nothing_is_promised(
    settings: Settings, flushing_pid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert not syscalls.is_available()
    with pytest.raises(TracingUnavailable, match="apt-get install strace"):
        faults.slow_fsync(settings, "audit", INJECTED_S, 30)
    assert leases.active(settings) == []


@needs_strace
def test_what_strace_says_against_it_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "control", lambda _: SimpleNamespace(pid=lambda part: os.getpid() if part else 0))
    monkeypatch.setattr(syscalls, "delay_flushes", lambda _: ("-e", "trace=there_is_none"))
    with pytest.raises(TracingUnavailable, match="there_is_none"):
        faults.slow_fsync(settings, "audit", INJECTED_S, 30)
    assert leases.active(settings) == []


def test_a_component_that_does_not_run_cannot_be_paused(settings: Settings, pid: int) -> None:
    with pytest.raises(PartUnknown):
        faults.pause(settings, "observer", 1)


def test_the_fault_of_an_edge_lasts_as_long_as_its_lease(settings: Settings) -> None:
    fault = Network("latency", latency_s=1.5, jitter_s=0.5)
    lease = faults.break_edge(settings, "worker-broker", fault, 0.3)
    assert read_fault(settings, "worker-broker") == fault
    until(lambda: time.time() > lease.expires_at, ENDS_WITHIN_S, "expired")
    assert read_fault(settings, "worker-broker") is None
    faults.break_edge(settings, "worker-broker", fault, 30)
    faults.mend_edge(settings, "worker-broker")
    assert read_fault(settings, "worker-broker") is None


def test_an_edge_without_a_proxy_cannot_be_broken(settings: Settings) -> None:
    with pytest.raises(LookupError, match="capture-broker"):
        faults.break_edge(settings, "capture-broker", Network("reset"), 1)


class LimitedBroker:
    """The admin REST as far as limits go. Refuses while `refuses`."""

    def __init__(self) -> None:
        self.limits: dict[str, int] = {}
        self.refuses = False

    def __enter__(self) -> LimitedBroker:
        return self

    def __exit__(self, *_: object) -> None: ...

    def limit_publishing(self, topic: str, messages_per_s: int) -> None:
        self.limits[topic] = messages_per_s

    def unlimit_publishing(self, topic: str) -> None:
        if self.refuses:
            raise AdminUnavailable("the broker restarts")
        del self.limits[topic]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> LimitedBroker:
    broker = LimitedBroker()
    monkeypatch.setattr(faults, "Admin", lambda _settings: broker)
    return broker


def test_a_limited_topic_is_unlimited_again(settings: Settings, limited: LimitedBroker) -> None:
    faults.throttle(settings, 100, 30)
    assert limited.limits == {settings.topics.events: 100}
    assert [lease.fault for lease in leases.active(settings)] == ["throttle"]
    faults.unthrottle(settings)
    assert (limited.limits, leases.active(settings)) == ({}, [])
    faults.unthrottle(settings)  # there is none any more


def test_an_expired_limit_is_removed_once_the_broker_allows_it(settings: Settings, limited: LimitedBroker) -> None:
    faults.throttle(settings, 100, 0.0)
    limited.refuses = True
    faults.end_expired(settings)
    assert limited.limits
    limited.refuses = False
    faults.end_expired(settings)
    assert limited.limits == {}
    assert leases.find_expired(settings, "throttle") == []
