"""A paused component and one with a full disk go on when the fault ends, also when nobody ends it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from application import leases
from scenarios.waiting import until
from settings import Settings
from stacks import faults
from stacks.control import PartUnknown
from stacks.proxy.network import Network, read_fault

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
