"""The capture loses its offsets and reads the outbox from its start."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.sources import holds_for_all
from scenarios.trial import Trial
from stacks import lost_offsets

PAIRS = 30


def experiment(trial: Trial) -> None:
    trial.send_pairs(PAIRS)
    trial.wait_until_notified(trial.acknowledged)
    trial.wait(lambda: trial.acknowledged <= trial.published().keys(), 20, Message("awaited.observer"))
    first_events = set(trial.acknowledged)
    again_within_s = trial.full_replay_deadline_s()
    with trial.load() as load:
        with trial.injected(trial.capture_part, Message("fault.offsets"), lambda: lost_offsets.lose(trial.settings)):
            trial.confirm(
                Message("confirm.outbox_read_again"),
                lambda: _read_again(trial, first_events),
                again_within_s,
            )
        load.wait_for_more(20)
    trial.wait_until_notified(trial.acknowledged, again_within_s)
    trial.wait(lambda: trial.deliveries().duplicate >= len(first_events), again_within_s, Message("awaited.duplicates"))
    absorbed = trial.deliveries().duplicate
    counted = Message("detail.absorbed", n=absorbed)
    trial.check(Message("check.repeats_absorbed"), absorbed >= len(first_events), counted)
    trial.figures["absorbed"] = absorbed


def _read_again(trial: Trial, event_ids: set[str]) -> bool:
    published_counts = trial.published()
    return holds_for_all(event_ids, lambda event_id: published_counts.get(event_id, 0) > 1)


SCENARIO = Scenario(
    name="lost-offsets",
    quality="Offsets topic",
    hypothesis="A capture that lost its offsets publishes everything again, and the inbox absorbs all of it.",
    breaks="The source's offset topic (embedded: the relay's checkpoint) is deleted under load.",
    experiment=experiment,
    attribute="idempotency",
    takes_s=15,
)
