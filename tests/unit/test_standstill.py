"""A standstill is waited for once: the next wait knows of it as long as nothing has happened since."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scenarios import trial as trial_module
from scenarios.trial import STANDSTILL_S, Standstill
from settings import Settings

LONG_S = 3.1 * max(STANDSTILL_S.values())
"""Longer than any standstill must last, on the busiest machine too."""


class Quiet(SimpleNamespace):
    """What a standstill asks of a trial."""

    settings = Settings(stack="embedded")
    seen: Any = ("1 row", "1 message")
    down: tuple[str, ...] = ()
    activity_at_standstill: object = None

    def activity(self) -> object:
        return self.seen

    def down_components(self) -> tuple[str, ...]:
        return self.down


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(trial_module, "time", made)
    return made


def stand_still(trial: Quiet, clock: Clock) -> None:
    standstill = Standstill(trial)  # type: ignore[arg-type]
    assert not standstill.reached()
    clock.now += LONG_S
    assert standstill.reached()


def test_the_next_wait_knows_of_the_standstill_at_once(clock: Clock) -> None:
    trial = Quiet()
    stand_still(trial, clock)
    assert Standstill(trial).reached()  # type: ignore[arg-type]


def test_it_begins_again_when_something_has_happened(clock: Clock) -> None:
    trial = Quiet()
    stand_still(trial, clock)
    trial.seen = ("2 rows", "1 message")
    stand_still(trial, clock)


def test_it_begins_again_when_a_component_is_down(clock: Clock) -> None:
    trial = Quiet()
    stand_still(trial, clock)
    trial.down = ("relay",)
    assert not Standstill(trial).reached()  # type: ignore[arg-type]
    trial.down = ()
    stand_still(trial, clock)


def test_a_wait_that_found_none_leaves_nothing_behind(clock: Clock) -> None:
    trial = Quiet()
    assert not Standstill(trial).reached()  # type: ignore[arg-type]
    assert trial.activity_at_standstill is None
    stand_still(trial, clock)
