"""The capture forgets where it was and reads the outbox from its start."""

from __future__ import annotations

from scenarios.model import Scenario
from scenarios.sources import every
from scenarios.trial import Trial
from stacks import lost_offsets

PAIRS = 30


def experiment(trial: Trial) -> None:
    for _ in range(PAIRS):
        trial.approve(trial.calculate().commission_id)
    trial.arrived(trial.acknowledged)
    trial.wait(lambda: trial.acknowledged <= trial.published().keys(), 20, "the observer saw every event")
    before = set(trial.acknowledged)
    again_within_s = trial.everything_again_within_s()
    with trial.load() as load:
        with trial.injected(trial.capture_part, "lost offsets", lambda: lost_offsets.lose(trial.settings)):
            trial.confirm(
                "the outbox was read again from its start",
                lambda: _read_again(trial, before),
                again_within_s,
            )
        load.grows(20)
    trial.arrived(trial.acknowledged, again_within_s)
    trial.wait(lambda: trial.deliveries().duplicate >= len(before), again_within_s, "every repetition is counted")
    absorbed = trial.deliveries().duplicate
    trial.check("every repeated delivery is absorbed and counted", absorbed >= len(before), f"{absorbed} absorbed")
    trial.figures["absorbed"] = absorbed


def _read_again(trial: Trial, event_ids: set[str]) -> bool:
    times = trial.published()
    return every(event_ids, lambda event_id: times.get(event_id, 0) > 1)


SCENARIO = Scenario(
    name="lost-offsets",
    quality="Offsets topic",
    hypothesis="A capture that lost its offsets publishes everything again, and the inbox absorbs all of it.",
    breaks="The source's offset topic (embedded: the relay's checkpoint) is deleted under load.",
    experiment=experiment,
    takes_s=15,
)
