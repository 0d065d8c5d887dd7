"""The cluster's two scenarios, on a system that goes on without a server and on one that does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.message import Message
from scenarios.catalogue import kill_bookie, kill_one_broker
from scenarios.server_loss import BACK_WITHIN_S
from scenarios.trial import Trial
from stacks.compose import cluster
from tests.unit.trials import UnitTrial

EXPERIMENTS = [
    (kill_bookie.experiment, kill_bookie.BOOKIE, "confirm.bookie_gone"),
    (kill_one_broker.experiment, "broker-2", "confirm.broker_gone"),
]


@pytest.fixture
def working(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The servers that the others count. A fault takes the killed one out until the experiment waits for it."""
    servers = {kill_bookie.BOOKIE, "broker-1", "broker-2"}
    monkeypatch.setattr(cluster, "writable_bookies", lambda *_, **__: servers)
    monkeypatch.setattr(cluster, "active_brokers", lambda *_, **__: servers)
    monkeypatch.setattr(cluster, "find_broker_of_source", lambda _settings: "broker-2")
    return servers


def fall_and_rise(trial: UnitTrial, working: set[str], server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.during_fault = lambda: working.discard(server)
    wait = trial.wait

    def bring_back(condition: Callable[[], bool], deadline_s: float, what: Message, every_s: float = 0.05) -> None:
        if what.code == "awaited.server":
            assert deadline_s == BACK_WITHIN_S
            working.add(server)
        wait(condition, deadline_s, what, every_s)

    monkeypatch.setattr(trial, "wait", bring_back)


@pytest.mark.parametrize(("experiment", "server", "gone"), EXPERIMENTS)
def test_a_server_that_is_lost_and_comes_back_passes(
    trial: UnitTrial,
    working: set[str],
    monkeypatch: pytest.MonkeyPatch,
    experiment: Callable[[Trial], None],
    server: str,
    gone: str,
) -> None:
    fall_and_rise(trial, working, server, monkeypatch)
    experiment(trial)
    assert trial.outcome() == {gone: True, "check.notified_without": True}
    assert trial.faults == [("killed", server)]


@pytest.mark.parametrize(("experiment", "server", "gone"), EXPERIMENTS)
def test_a_server_that_never_went_down_confirms_nothing(
    trial: UnitTrial, working: set[str], experiment: Callable[[Trial], None], server: str, gone: str
) -> None:
    experiment(trial)
    assert trial.broken() == {gone, "check.notified_without"}
