"""The capture is restarted under load and continues from its stored offset."""

from __future__ import annotations

import time

from domain.message import Message
from scenarios.model import Scenario
from scenarios.trial import Trial
from workers.observer_store import ObserverStore

OFFSETS_STORED_WITHIN_S = 2.0
"""Offsets are stored at least this often, so events published longer than this before the restart are not read again."""


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        trial.wait(lambda: bool(_events_with_stored_offsets(trial)), 30, Message("confirm.published_before"), 0.1)
        trial.pause(OFFSETS_STORED_WITHIN_S)
        replaced = trial.replacement_check(trial.capture_part)
        stored = _events_with_stored_offsets(trial)
        trial.confirm(Message("confirm.published_before"), lambda: bool(stored))
        with trial.restarted(trial.capture_part):
            trial.confirm(Message("confirm.capture_new"), replaced, 30)
        load.wait_for_more(60)
        trial.pause(1)
    trial.wait_until_notified(trial.acknowledged, 60)
    read_again = [event_id for event_id, times in trial.published().items() if times > 1]
    old_events = [event_id for event_id in read_again if event_id in stored]
    trial.check(
        Message("check.nothing_old_again"),
        not old_events,
        Message("detail.read_again", n=len(old_events), m=len(stored)),
    )
    trial.figures["read_again"] = len(read_again)


def _events_with_stored_offsets(trial: Trial) -> set[str]:
    """Return the events whose offsets must be stored by now."""
    return _read_published_before(trial, time.time() - OFFSETS_STORED_WITHIN_S)


def _read_published_before(trial: Trial, at: float) -> set[str]:
    store = ObserverStore(trial.settings.observer_store)
    try:
        return store.list_published_before(trial.run_id, int(at * 1e6))
    finally:
        store.close()


SCENARIO = Scenario(
    name="restart-source",
    quality="Resilience",
    hypothesis="A restarted capture continues from its stored offset: nothing is lost, nothing old is read again.",
    breaks="The source (embedded: the relay) is restarted while commands are sent.",
    experiment=experiment,
    takes_s=12,
)
