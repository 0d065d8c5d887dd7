"""All events are read again from the beginning."""

from __future__ import annotations

from domain.message import Message, extract_message
from scenarios import replay as replay_operation
from scenarios.model import Scenario
from scenarios.sources import SLOWEST_REPLAY_PER_S
from scenarios.trial import Trial
from stacks.beside import EndedBeside

PAIRS = 40


def experiment(trial: Trial) -> None:
    trial.send_pairs(PAIRS)
    trial.wait_until_notified(trial.acknowledged)
    trial.wait(lambda: trial.acknowledged <= trial.published().keys(), 20, Message("awaited.observer"))
    preview = replay_operation.preview_replay(trial.settings)
    trial.say("note", Message("run.will_be_read_again", n=preview.events, m=preview.messages))
    try:
        replayed = replay_operation.replay(trial.settings, deadline_s=60 + preview.messages / SLOWEST_REPLAY_PER_S)
    except EndedBeside as error:
        trial.check(Message("check.replay_worker_runs"), False, extract_message(error))
        return
    trial.confirm(Message("confirm.read_again", n=replayed.deliveries), lambda: replayed.deliveries > 0)
    distinct = Message("detail.of", n=replayed.distinct_events, m=replayed.expected)
    trial.check(Message("check.replay_absorbs_all"), replayed.distinct_events >= replayed.expected, distinct)
    added = Message("detail.new", n=replayed.new_notifications)
    trial.check(Message("check.replay_adds_nothing"), replayed.new_notifications == 0, added)
    trial.figures |= {
        "previewed": preview.events,
        "read_again": replayed.deliveries,
        "absorbed": replayed.duplicates_absorbed,
    }


SCENARIO = Scenario(
    name="replay",
    quality="Replay",
    hypothesis="Reading every event again from the beginning adds no notification.",
    breaks="The installed worker's program reads every topic of events from its first message, and is killed once.",
    experiment=experiment,
    attribute="idempotency",
    takes_s=10,
)
