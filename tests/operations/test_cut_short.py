"""Killed at any instant, a reset, a restore, a restart and a loss of offsets leave the old state or the new, and every part
comes back by itself."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from application import Application
from db.engine import connect
from db.tables import commission
from domain.commands import CalculateCommission
from scenarios import end_to_end
from scenarios.reconciliation import reconcile
from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import backup, health, instance, operation, ownership
from stacks.supervisor import Supervisor

BACK_WITHIN_S = 30.0
"""Or, where everything on the machine is slow, twice the time that starting the stack took there."""
LATEST_S = 180.0
INSTANTS = 30
_started_in: dict[Path, float] = {}


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("native", marks=[pytest.mark.native, pytest.mark.breadth])]
)
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Of these tests' own: what they restore no other test would find again."""
    began = time.monotonic()
    with end_to_end.running(request.param, private=True) as found:
        _started_in[found.home] = time.monotonic() - began
        yield found


@pytest.fixture(scope="module")
def file(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A back-up with one commission."""
    add(settings)
    path = tmp_path_factory.mktemp("back-ups") / "b.jsonl"
    backup.backup(settings, path)
    return path


def commissions(settings: Settings) -> set[str]:
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with engine.connect() as connection:
            return set(connection.scalars(select(commission.c.id)))
    finally:
        engine.dispose()


def add(settings: Settings) -> None:
    with Application(settings, pool_size=1) as application:
        application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "1.00", "USD", "cut-short"))
        until(lambda: reconcile(application, settings).complete, LATEST_S, "the event went its whole way", 0.2)


def wait_back(settings: Settings) -> float:
    """Wait until every component is healthy and no operation is left to complete; return the seconds that it took.

    Print what was missing last when that takes long.
    """
    began = time.monotonic()
    missing: list[str] = []
    engine = connect(settings.worker_url, pool_size=1)

    def all_is_back() -> bool:
        journal = operation.read(settings)
        now_missing = [f"the end of the {journal.operation}"] if journal else []
        now_missing += [f"{row.part} ({row.detail})" for row in health.check(settings, engine) if row.light != "ok"]
        if now_missing and now_missing != missing:
            missing[:] = now_missing
            history.append(f"{time.monotonic() - began:.1f} s: {', '.join(now_missing)}")
        return not now_missing

    history: list[str] = []
    try:
        until(all_is_back, LATEST_S, "every component is healthy", 0.1)
    finally:
        engine.dispose()
    seconds = time.monotonic() - began
    if seconds > BACK_WITHIN_S / 2:
        print(f"back after {seconds:.1f} s; missing at", *history, sep="\n  ")
    return seconds


def start(settings: Settings, what: str, point: str, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "tests.operations.cut_short", what, point, str(file)],
        cwd=REPOSITORY,
        env={**os.environ, "ALPES_HOME": str(settings.home), "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )


def agrees(settings: Settings) -> bool:
    """Whether all four sources hold the same."""
    with Application(settings, pool_size=1) as application:
        until(lambda: reconcile(application, settings).complete, LATEST_S, "everything agrees", 0.2)
        return reconcile(application, settings).complete


@pytest.mark.parametrize(
    ("what", "point", "changed"),
    [
        pytest.param("restore", "while it waits", False, marks=pytest.mark.breadth),
        ("restore", "in the transaction", False),
        pytest.param("restore", "with the topics gone", True, marks=pytest.mark.breadth),
        pytest.param("reset", "before the tables change", False, marks=pytest.mark.breadth),
        ("reset", "after the transaction", True),
        pytest.param("reset", "before the parts go on", True, marks=pytest.mark.breadth),
        pytest.param("lose the offsets", "with the offsets gone", False, marks=pytest.mark.breadth),
    ],
)
def test_one_that_dies_is_completed_or_undone(
    settings: Settings, file: Path, what: str, point: str, changed: bool
) -> None:
    kept = {json.loads(line)["row"]["id"] for line in file.read_text().splitlines() if '"table":"commission"' in line}
    add(settings)
    before = commissions(settings)
    process = start(settings, what, point, file)
    assert process.wait(LATEST_S) == -signal.SIGKILL
    wait_back(settings)
    assert commissions(settings) == (before if not changed else set() if what == "reset" else kept)
    assert agrees(settings)


def test_a_part_whose_restart_dies_is_back(settings: Settings) -> None:
    before = Supervisor(settings).pid("audit")
    process = subprocess.Popen(
        [sys.executable, "-c", "from settings import load; from stacks import faults; faults.restart(load(), 'audit')"],
        cwd=REPOSITORY,
        env={**os.environ, "ALPES_HOME": str(settings.home), "PYTHONPATH": str(REPOSITORY)},
    )
    until(lambda: Supervisor(settings).pid("audit") != before, LATEST_S, "it is asked to end", 0.005)
    process.kill()
    process.wait()
    wait_back(settings)


def test_parts_that_somebody_stopped_are_started_again(settings: Settings) -> None:
    Supervisor(settings).stop_part("commands")
    until(lambda: Supervisor(settings).pid("commands") > 0, LATEST_S, "the watcher starts it")
    wait_back(settings)


@pytest.mark.parametrize(
    ("what", "point", "stays"),
    [
        ("down", "with every component stopped", True),
        pytest.param("reset --all", "before the data is deleted", False, marks=pytest.mark.breadth),
        pytest.param("reset --all", "before the locks are deleted", False, marks=pytest.mark.breadth),
    ],
)
def test_the_next_start_completes_a_stop_or_a_removal_that_dies(
    settings: Settings, what: str, point: str, stays: bool
) -> None:
    add(settings)
    before = commissions(settings)
    assert start(settings, what, point, Path()).wait(LATEST_S) == -signal.SIGKILL
    instance.up(settings.stack, settings.home, print)
    wait_back(settings)
    assert commissions(settings) == (before if stays else set())
    assert agrees(settings)


def test_a_running_instance_holds_nothing_that_its_removal_would_leave(settings: Settings) -> None:
    assert ownership.find_foreign_files(ownership.INSTANCE, settings.home) == []


@pytest.mark.breadth
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", ["restore", "reset"])
def test_killed_at_every_instant_the_state_is_the_old_or_the_new(settings: Settings, file: Path, what: str) -> None:
    add(settings)
    began = _duration(settings, what, file)
    slowest, changed = 0.0, 0
    for instant in range(INSTANTS):
        add(settings)
        before = commissions(settings)
        process = start(settings, what, "", file)
        assert process.stdout is not None
        process.stdout.readline()  # from here on it changes something
        # Beyond the end as well: a machine that is busier now takes longer than it did when it was measured.
        killed_after = 2 * began * (instant + 0.5) / INSTANTS
        try:
            process.wait(killed_after)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        slowest = max(slowest, wait_back(settings))
        after = commissions(settings)
        changed += after != before
        assert after == before or len(after) == (0 if what == "reset" else 1), f"instant {instant}"
        assert agrees(settings), f"instant {instant}"
    print(
        f"{what}: {INSTANTS} instants over {2 * began:.1f} s, {changed} new, {INSTANTS - changed} old, back in {slowest:.1f} s"
    )
    assert changed > 0
    assert slowest < max(BACK_WITHIN_S, 2 * _started_in[settings.home])


@pytest.mark.breadth
@pytest.mark.timeout(3600)
def test_killed_at_every_instant_of_a_restart_the_part_is_back(settings: Settings) -> None:
    parts = ["audit", "notifications", "commands", "observer", "api", "broker", "watcher"]
    slowest = 0.0
    for instant, part in zip(range(INSTANTS), itertools.cycle(parts), strict=False):
        script = "import sys; from settings import load; from stacks import faults; s = load(); print(flush=True); faults.restart(s, sys.argv[1])"
        process = subprocess.Popen(
            [sys.executable, "-c", script, part],
            cwd=REPOSITORY,
            env={**os.environ, "ALPES_HOME": str(settings.home), "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(instant * 0.03)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        slowest = max(slowest, wait_back(settings))
    print(f"restart: {INSTANTS} instants, back in {slowest:.1f} s; started in {_started_in[settings.home]:.1f} s")
    assert slowest < max(BACK_WITHIN_S, 2 * _started_in[settings.home])
    add(settings)


def _duration(settings: Settings, what: str, file: Path) -> float:
    """Of one that nobody kills, until the parts start again."""
    process = start(settings, what, "", file)
    assert process.stdout is not None
    process.stdout.readline()
    began = time.monotonic()
    until(lambda: operation.read(settings) is not None, 60, "it holds the parts", 0.01)
    until(lambda: operation.read(settings) is None, 120, "it lets them go", 0.01)
    duration = time.monotonic() - began
    process.wait(300)
    wait_back(settings)
    return duration
