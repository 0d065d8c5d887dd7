"""Time in which this process stood still counts for nobody's silence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from application import stalls
from application.stalls import SHORTEST_S, StallMeter
from scenarios.matrix import cell as cell_module
from scenarios.matrix import running
from scenarios.matrix.model import Cell
from scenarios.matrix.running import CellResult
from scenarios.matrix.truth import Report, Truth
from scenarios.waiting import JudgeFailed, until
from settings import Settings
from settings.model import REPOSITORY
from stacks import health
from stacks.part_health import STALE_S, PartHealth, check_worker
from workers.heartbeat import Heartbeat, heartbeat_file, read_heartbeat

CELL = Cell("commands", "pause", "commands", ("status", "page"))


@given(st.lists(st.floats(0.001, 30), max_size=20), st.integers(0, 20))
def test_each_late_wake_up_is_a_stall_and_only_the_part_after_the_question_counts(
    gaps: list[float], asked: int
) -> None:
    at = 0.0
    meter = StallMeter(lambda: at)
    times = [0.0]
    for gap in gaps:
        at += gap
        times.append(at)
        meter.wake()
    since = times[min(asked, len(gaps))]
    stalled = sum(end - begin for begin, end in pairwise(times) if end - begin >= SHORTEST_S and begin >= since)
    assert meter.stalled_since(since) == pytest.approx(stalled)
    middle = at / 2
    assert 0 <= meter.stalled_since(middle) <= at - middle + 1e-9


def test_a_stall_that_has_just_ended_counts_although_no_thread_has_woken_up_since() -> None:
    at = 0.0
    meter = StallMeter(lambda: at)
    at = 4.0
    assert meter.stalled_since(1.0) == 3.0


STANDS = """
import sys
from application import stalls
began_at = stalls.now()
stalls.stalled_since(began_at)
print("measures", flush=True)
sys.stdin.readline()
print(stalls.stalled_since(began_at), flush=True)
"""


def test_a_process_that_was_stopped_knows_how_long() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STANDS], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "measures\n"
        stopped_at = time.monotonic()
        process.send_signal(signal.SIGSTOP)
        until(lambda: time.monotonic() > stopped_at + 1.5, 5, "a second and a half later")
        process.send_signal(signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()
        assert 1.2 < float(process.stdout.readline()) <= time.monotonic() - stopped_at + 0.5


def test_a_fork_measures_by_itself() -> None:
    stalls.stalled_since(stalls.now())
    pid = os.fork()
    if pid == 0:
        stalls.stalled_since(stalls.now())
        os._exit(0 if os.getpid() in stalls._METERS else 1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def _age(settings: Settings, part: str, age_s: float) -> None:
    Heartbeat(settings, part).beat(connected=True)
    written_at = time.time() - age_s
    values = json.loads(heartbeat_file(settings, part).read_text(encoding="utf-8"))
    heartbeat_file(settings, part).write_text(json.dumps(values | {"at": written_at}), encoding="utf-8")
    os.utime(heartbeat_file(settings, part), (written_at, written_at))


def test_after_a_sleep_of_hours_no_worker_is_silent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    _age(settings, "relay", 7200)
    assert check_worker(settings, "relay").light == "down"
    monkeypatch.setattr(stalls, "stalled_since", lambda at: min(7199.0, stalls.now() - at))
    heartbeat = read_heartbeat(settings, "relay")
    assert heartbeat is not None
    assert heartbeat.age_s == pytest.approx(1, abs=0.5)
    assert check_worker(settings, "relay").light == "ok"


def test_a_worker_that_was_silent_before_the_sleep_stays_silent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _age(settings, "relay", 7200 + STALE_S + 1)
    monkeypatch.setattr(stalls, "stalled_since", lambda at: min(7200.0, stalls.now() - at))
    assert check_worker(settings, "relay").light == "down"


@pytest.mark.parametrize(
    ("stalled_s", "checks"), [([0.0], 1), ([4.0, 0.0], 2), ([4.0] * 9, health.CHECKS_AFTER_STALLS)]
)
def test_all_components_are_asked_again_after_a_stall(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch, stalled_s: list[float], checks: int
) -> None:
    asked: list[str] = []
    answers = iter(stalled_s)

    def check_once(*arguments: object) -> list[PartHealth]:
        asked.append("all")
        return []

    monkeypatch.setattr(health, "_check_once", check_once)
    monkeypatch.setattr(stalls, "stalled_since", lambda at: next(answers))
    assert health.check(settings, engine) == []
    assert len(asked) == checks


class _Checks:
    """The trial of a cell, of which only the checks are kept."""

    def __init__(self) -> None:
        self.passed: list[bool] = []

    def check(self, claim: object, passed: bool, detail: object) -> None:
        self.passed.append(passed)


IN_TIME = Truth({"status": 1.0, "page": 2.0}, ())
LATE = Truth({"status": 1.0, "page": 15.5}, ())  # also on a busy machine
ALARMED = Truth({"status": 1.0, "page": 2.0}, (Report(1, 1, "page", {"api": "down"}),))


@pytest.mark.parametrize("truth", [LATE, ALARMED])
def test_a_cell_that_fails_while_the_machine_stands_still_is_not_judged(truth: Truth) -> None:
    checks: Any = _Checks()
    with pytest.raises(JudgeFailed, match=r"stood still for 4\.1 s"):
        cell_module._check(checks, CELL, truth, None, 4.08)
    cell_module._check(checks, CELL, truth, None, 0.0)
    assert False in checks.passed


def test_a_cell_that_passes_in_spite_of_a_stall_passes() -> None:
    checks: Any = _Checks()
    cell_module._check(checks, CELL, IN_TIME, None, 4.0)
    assert checks.passed == [True] * 3


@pytest.mark.parametrize(
    ("verdicts", "expected", "runs"),
    [
        (["PASS"], "PASS", 1),
        (["FAIL", "PASS"], "FAIL", 1),
        (["INCONCLUSIVE", "PASS"], "PASS", 2),
        (["INCONCLUSIVE"] * 9, "INCONCLUSIVE", running.RUNS),
    ],
)
def test_a_cell_that_cannot_be_judged_is_run_again_and_a_failure_is_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, verdicts: list[str], expected: str, runs: int
) -> None:
    results = iter(verdicts)
    ran: list[int] = []

    def run_cell(settings: Settings, cell: Cell, seed: int) -> CellResult:
        ran.append(seed)
        verdict: Any = next(results)
        return CellResult("a", "b", verdict, True, 1.0, {}, 0, None, 1.0, "", "")

    monkeypatch.setattr(running, "_run_cell", run_cell)
    monkeypatch.setattr(running, "journal", SimpleNamespace(scenario_lock=lambda *_, **__: nullcontext()))
    said: list[CellResult] = []
    (result,) = running.run_cells(settings, [CELL], 7, said.append)
    assert (result.verdict, len(ran), said) == (expected, runs, [result])
