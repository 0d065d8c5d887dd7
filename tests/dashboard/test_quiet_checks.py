"""Test when the page's server checks the health: at each turn while something happens, less often while nothing does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from application import leases
from dashboard.view_models.refresher import BUSY_FOR_S, BUSY_S, QUICK_S, QUIET_CHECK_S, Refresher
from dashboard.view_models.snapshot import DatabaseState
from domain.message import Message
from settings import load
from stacks.part_health import PartHealth
from tests.clocks import patch_time

MODULE = "dashboard.view_models.refresher"


def _sound(_refresher: Refresher, _lights: list[str]) -> None:
    """Change nothing."""


def _commit(refresher: Refresher, _lights: list[str]) -> None:
    refresher.reader.state = DatabaseState(version=2)


def _hold_a_fault(refresher: Refresher, _lights: list[str]) -> None:
    leases.grant(refresher.settings, "broker", "kill", 60)


def _fall_ill(refresher: Refresher, lights: list[str]) -> None:
    lights[:] = ["down"]
    refresher._checked_at = 0.0  # the check that finds it
    refresher._check()


@pytest.mark.parametrize(
    ("happens", "checks"), [(_sound, False), (_commit, True), (_hold_a_fault, True), (_fall_ill, True)]
)
def test_a_check_is_left_out_only_while_nothing_happens(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[Refresher, list[str]], None],
    checks: bool,
) -> None:
    refresher = Refresher(load(stack="embedded", home=tmp_path), application=_Engineless())  # type: ignore[arg-type]
    now, lights, asked = time.monotonic(), ["ok"], []

    def check(*_: object, **__: object) -> list[PartHealth]:
        asked.append(now)
        return [PartHealth("broker", lights[0], Message("health.answers"))]  # type: ignore[arg-type]

    patch_time(monkeypatch, MODULE, monotonic=lambda: now)
    monkeypatch.setattr(f"{MODULE}.health.check", check)
    refresher._check()
    happens(refresher, lights)
    before = len(asked)
    now += QUIET_CHECK_S / 2
    refresher._check()
    assert (len(asked) > before) == checks
    now += QUIET_CHECK_S
    before = len(asked)
    refresher._check()
    assert len(asked) > before, "sooner or later it is checked"


class _Engineless:
    engine = None


@pytest.mark.parametrize(
    ("busy_s", "quick_s", "changed_ago_s", "expected_s"),
    [(BUSY_S, QUICK_S, 0.0, BUSY_S), (BUSY_S, QUICK_S, BUSY_FOR_S * 2, QUICK_S), (1.0, 1.0, 0.0, 1.0)],
    ids=["while events come", "afterwards", "the health"],
)
def test_a_source_is_read_more_often_while_it_changes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    busy_s: float,
    quick_s: float,
    changed_ago_s: float,
    expected_s: float,
) -> None:
    refresher = Refresher(load(stack="embedded", home=tmp_path), application=_Engineless())  # type: ignore[arg-type]
    now = [time.monotonic()]
    waits: list[float] = []

    class Wake(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            now[0] += changed_ago_s
            if len(waits) > 1:
                refresher.close()
            return False

    def commit_once() -> None:
        refresher.reader.state = DatabaseState(version=1)

    patch_time(monkeypatch, MODULE, monotonic=lambda: now[0])
    refresher._run(commit_once, Wake(), busy_s, quick_s, 5.0)
    assert waits[:2] == [busy_s, expected_s]
