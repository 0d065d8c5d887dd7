"""Test how fuzzing counts the components that died."""

from __future__ import annotations

from typing import cast

import pytest

from fuzzing import deaths
from fuzzing.deaths import POLL_EVERY_S, DeathCounter
from stacks.control import Control, NotRunning, PartState


class Components:
    def __init__(self, **pids: int) -> None:
        self.pids = pids
        self.runs = True

    def states(self) -> list[PartState]:
        if not self.runs:
            raise NotRunning("stopped")
        return [PartState(name, "RUNNING", pid, 0, "") for name, pid in self.pids.items()]


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(deaths, "time", clock)
    return clock


def test_a_component_with_another_pid_died_and_one_that_starts_for_the_first_time_did_not(clock: Clock) -> None:
    components = Components(api=1, audit=0)
    counter = DeathCounter(cast(Control, components))
    components.pids |= {"api": 2, "audit": 7}
    assert counter.check(at_once=True) == ["api"]
    assert counter.check(at_once=True) == []
    components.pids["api"] = 0
    assert counter.check(at_once=True) == ["api"]
    assert counter.died == ["api", "api"]


def test_components_are_asked_once_in_a_while_only(clock: Clock) -> None:
    components = Components(api=1)
    counter = DeathCounter(cast(Control, components))
    components.pids["api"] = 2
    assert counter.check() == []
    clock.now = POLL_EVERY_S
    assert counter.check() == ["api"]


def test_an_instance_that_does_not_run_has_no_deaths(clock: Clock) -> None:
    components = Components(api=1)
    counter = DeathCounter(cast(Control, components))
    components.runs = False
    assert counter.check(at_once=True) == []
