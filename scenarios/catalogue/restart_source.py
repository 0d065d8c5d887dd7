"""The capture is restarted under load and goes on where it was."""

from __future__ import annotations

import time

from scenarios.model import Scenario
from scenarios.trial import Trial
from workers.observer_store import ObserverStore

SAFE_S = 2.0
"""Offsets are stored at least this often: what was published earlier than this before the restart is not read again."""


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        trial.wait(lambda: bool(_safe(trial)), 30, "events were published well before the restart", 0.1)
        trial.pause(SAFE_S)
        replaced = trial.another_instance(trial.capture_part)
        safe = _safe(trial)
        trial.confirm("events were published well before the restart", lambda: bool(safe))
        with trial.restarted(trial.capture_part):
            trial.confirm("another instance of the capture reads", replaced, 30)
        load.grows(60)
        trial.pause(1)
    trial.arrived(trial.acknowledged, 60)
    again = [event_id for event_id, times in trial.published().items() if times > 1]
    old = [event_id for event_id in again if event_id in safe]
    trial.check("nothing before the last checkpoint is read again", not old, f"{len(old)} of {len(safe)} events were")
    trial.figures["read_again"] = len(again)


def _safe(trial: Trial) -> set[str]:
    """Events whose offsets must be stored by now."""
    return _published_until(trial, time.time() - SAFE_S)


def _published_until(trial: Trial, at: float) -> set[str]:
    store = ObserverStore(trial.settings.observer_store)
    try:
        return store.published_before(trial.run_id, int(at * 1e6))
    finally:
        store.close()


SCENARIO = Scenario(
    name="restart-source",
    quality="Resilience",
    hypothesis="A restarted capture goes on from its stored offset: nothing is lost, nothing old is read again.",
    breaks="The source (embedded: the relay) is restarted while commands keep coming.",
    experiment=experiment,
    takes_s=12,
)
