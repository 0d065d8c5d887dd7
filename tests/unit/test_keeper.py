"""Test what repairs an interrupted command: the recovery of an operation, and the start of components left stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings
from stacks import keeper, operation
from stacks.control import NotRunning, PartState
from stacks.keeper import RETRY_AFTER_S, STOPPED_FOR_S, Keeper


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


STATES = {"api": "STOPPED", "audit": "FATAL", "observer": "RUNNING"}


class Supervised:
    """A supervisor with one stopped, one failed and one running component."""

    started: list[str]
    answers = True

    def __init__(self, _settings: Settings) -> None: ...

    def states(self) -> list[PartState]:
        if not Supervised.answers:
            raise NotRunning("no supervisor")
        return [PartState(name, state, 0, 0, "") for name, state in STATES.items()]

    def start_part(self, part: str) -> None:
        Supervised.started.append(part)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    Supervised.started, Supervised.answers = [], True
    monkeypatch.setattr(keeper, "time", clock)
    monkeypatch.setattr(keeper, "Supervisor", Supervised)
    monkeypatch.setattr(operation, "find_abandoned", lambda _: None)
    return clock


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    settings.run.mkdir(parents=True)
    return settings


def test_a_component_that_stays_stopped_is_started(clock: Clock, settings: Settings) -> None:
    guard = Keeper(settings, lambda: None)
    guard.step()
    clock.now += STOPPED_FOR_S
    guard.step()
    assert Supervised.started == [], "a command may still be about to start it"
    clock.now += 0.1
    guard.step()
    assert sorted(Supervised.started) == ["api", "audit"]


def test_nothing_is_started_while_the_instance_is_being_stopped(clock: Clock, settings: Settings) -> None:
    guard = Keeper(settings, lambda: None)
    guard.step()
    (settings.run / "stopping").touch()
    clock.now += 2 * STOPPED_FOR_S
    guard.step()
    (settings.run / "stopping").unlink()
    guard.step()
    assert Supervised.started == [], "the time in which it was stopped on purpose does not count"


def test_an_interrupted_operation_is_recovered_and_a_failed_recovery_repeated_after_a_pause(
    clock: Clock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = operation.Journal("reset", 1, "decided")
    monkeypatch.setattr(operation, "find_abandoned", lambda _: journal)
    recoveries: list[float] = []
    guard = Keeper(settings, lambda: recoveries.append(clock.now))
    for _ in range(3):
        guard.step()
        clock.now += RETRY_AFTER_S / 2
    assert recoveries == [100.0, 100.0 + RETRY_AFTER_S]


def test_a_supervisor_that_does_not_answer_is_no_error(clock: Clock, settings: Settings) -> None:
    Supervised.answers = False
    Keeper(settings, lambda: None).step()
    assert Supervised.started == []
