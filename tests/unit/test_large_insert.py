"""The scenario of large inserts: with a capture that publishes every row, one that skips some, and one that was never slowed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from application import leases
from scenarios.catalogue import large_insert
from scenarios.trial import Standstill
from settings import Settings
from tests.unit.test_capture_experiments import hide
from tests.unit.trials import UnitTrial


@pytest.fixture
def repaired(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The instances that were repaired after the run. Nothing passes while the broker is slow."""
    instances: list[Settings] = []

    def throttle(settings: Settings, messages_per_s: int, hold_s: float) -> leases.Lease:
        trial.passes_on = False
        return leases.grant(settings, "broker", "throttle", hold_s)

    def unthrottle(settings: Settings) -> None:
        trial.passes_on = True
        leases.release(settings, "broker", "throttle")

    monkeypatch.setattr(large_insert, "faults", SimpleNamespace(throttle=throttle, unthrottle=unthrottle))
    monkeypatch.setattr(large_insert, "ROWS", 30)
    monkeypatch.setattr(large_insert, "HELD", 10)
    monkeypatch.setattr(Standstill, "reached", lambda _: True)
    monkeypatch.setattr("scenarios.repair.repair", lambda settings, _say: instances.append(settings))
    return instances


def test_rows_that_wait_and_are_published_hold(trial: UnitTrial, repaired: list[Settings]) -> None:
    large_insert.experiment(trial)
    assert trial.outcome() == {"confirm.rows_unread": True, "check.bulk_published": True}
    trial.close()
    assert repaired == []


def test_rows_that_are_skipped_are_counted_and_published_afterwards(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, repaired: list[Settings]
) -> None:
    hide(trial, monkeypatch, lambda row: row.correlation_id.startswith("bulk-") and row.seq % 10 == 0)
    large_insert.experiment(trial)
    (check,) = trial.checks
    assert (check.ok, check.detail) == (False, "27 of 30")
    trial.close()
    assert repaired == [trial.settings]


def test_a_capture_that_had_room_for_all_rows_proves_nothing(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, repaired: list[Settings]
) -> None:
    monkeypatch.setattr(large_insert, "HELD", 30)
    large_insert.experiment(trial)
    assert trial.broken() == {"confirm.rows_unread"}
    assert repaired == []
