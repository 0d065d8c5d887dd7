"""Test that each experiment checks what it claims: it passes on a system that keeps the promise, and fails on one that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from db import queries
from db.errors import DatabaseUnavailable
from scenarios.catalogue import (
    kill_broker,
    kill_database,
    kill_worker,
    lost_offsets,
    replay,
    restart_source,
    scenarios,
)
from scenarios.model import Check
from scenarios.replay import Preview, Replayed
from tests.unit.trials import UnitTrial


def test_every_scenario_claims_something_and_says_what_it_breaks() -> None:
    for scenario in scenarios().values():
        assert scenario.hypothesis.endswith(".")
        assert scenario.breaks.endswith(".")
        assert scenario.stacks


# The broker and the database die.


def test_kill_broker_counts_the_commands_that_are_acknowledged_meanwhile(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "broker_answers", lambda: False)
    kill_broker.experiment(trial)
    assert trial.faults == [("killed", "broker")]
    assert trial.broken() == set()
    assert trial.figures["commands_while_down"] > 0


def test_kill_broker_fails_when_commands_wait_for_the_broker(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "broker_answers", lambda: False)
    trial.during_fault = lambda: setattr(trial, "refuses", True)
    monkeypatch.setattr(trial, "wait_until_healthy", lambda: setattr(trial, "refuses", False))
    kill_broker.experiment(trial)
    assert trial.broken() == {"check.acknowledged_while_down"}


def test_kill_broker_proves_nothing_while_the_broker_answers(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "broker_answers", lambda: True)
    kill_broker.experiment(trial)
    assert trial.broken() == {"confirm.broker_refuses"}


def test_kill_database_confirms_the_refusals(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.during_fault = lambda: setattr(trial, "refuses", True)
    read, confirm = trial.committed, trial.confirm

    def committed() -> set[str]:
        if trial.refuses:
            raise DatabaseUnavailable("killed")
        return read()

    def confirm_and_come_back(what: Any, condition: Callable[[], bool], deadline_s: float = 0) -> bool:
        trial.pause(1)
        confirmed = confirm(what, condition, deadline_s)
        trial.refuses = what.code != "confirm.commands_refused" and trial.refuses
        return confirmed

    monkeypatch.setattr(trial, "committed", committed)
    monkeypatch.setattr(trial, "confirm", confirm_and_come_back)
    kill_database.experiment(trial)
    assert trial.faults == [("killed", "database")]
    assert trial.broken() == set()
    assert trial.figures["refused"] > 0


def test_kill_database_proves_nothing_when_the_database_never_went_away(trial: UnitTrial) -> None:
    kill_database.experiment(trial)
    assert trial.broken() == {"confirm.database_refuses", "confirm.commands_refused"}


# The worker and the capture.


def test_kill_worker_needs_a_redelivery_as_proof(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_worker.experiment(trial)
    committed = [("notifications.committed", trial.worker)] * kill_worker.TIMES
    assert trial.faults == [*committed, ("notifications.retrying", trial.worker)]
    assert trial.broken() == set()
    monkeypatch.setattr(trial, "deliveries", lambda: queries.Deliveries(applied=4))
    kill_worker.experiment(trial)
    assert trial.broken() == {"confirm.redelivered"}


@pytest.mark.parametrize(
    ("times", "expected"), [(1, set()), (0, {"confirm.outbox_read_again", "check.repeats_absorbed"})]
)
def test_lost_offsets_must_bring_everything_again(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, times: int, expected: set[str]
) -> None:
    monkeypatch.setattr(lost_offsets, "PAIRS", 3)

    def lose(_settings: object) -> None:
        for _ in range(times):
            trial.instance.pass_rows(trial.rows(), numbers_from=1000)

    monkeypatch.setattr("stacks.lost_offsets.lose", lose)
    if not times:
        # The experiment would wait for the duplicates: let it go on to its check.
        monkeypatch.setattr(trial, "wait", lambda condition, *_: trial.catch_up())
        monkeypatch.setattr(trial, "confirm", _confirm_at_once(trial))
    lost_offsets.experiment(trial)
    assert trial.broken() == expected


def _confirm_at_once(trial: UnitTrial) -> Callable[..., bool]:
    def confirm(what: Any, condition: Callable[[], bool], _deadline_s: float = 0) -> bool:
        trial.confirmations.append(Check.of(what, condition()))
        return trial.confirmations[-1].ok

    return confirm


def test_restart_source_fails_when_an_old_event_is_read_again(trial: UnitTrial) -> None:
    restart_source.experiment(trial)
    assert trial.faults == [("restarted", "relay")]
    assert trial.broken() == set()
    trial.during_fault = lambda: trial.instance.pass_rows(trial.rows()[:2], numbers_from=1000)
    restart_source.experiment(trial)
    assert trial.broken() == {"check.nothing_old_again"}
    assert trial.figures["read_again"] == 2


@pytest.mark.parametrize(
    ("distinct", "new", "expected"),
    [(8, 0, set()), (8, 1, {"check.replay_adds_nothing"}), (7, 0, {"check.replay_absorbs_all"})],
)
def test_replay_fails_when_it_adds_an_effect_or_misses_an_event(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, distinct: int, new: int, expected: set[str]
) -> None:
    replayed = Replayed(
        expected=8, deliveries=9, distinct_events=distinct, new_notifications=new, duplicates_absorbed=7, seconds=1.0
    )
    monkeypatch.setattr(replay, "PAIRS", 4)
    monkeypatch.setattr("scenarios.replay.preview_replay", lambda _: Preview(events=8, messages=9))
    monkeypatch.setattr("scenarios.replay.replay", lambda *_args, **_options: replayed)
    replay.experiment(trial)
    assert trial.broken() == expected
