"""The capture is replaced by a newer one under load, and the older one comes back: Debezium 1.9.7, Debezium Server, and back."""

from __future__ import annotations

from domain.message import Message
from scenarios import source_faults
from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks.native import other_capture

READS_WITHIN_S = 60.0
MORE = 60
"""Commands that are sent while the newer one captures."""


def experiment(trial: Trial) -> None:
    first_ids = source_faults.notify_first(trial)
    within_s = trial.full_replay_deadline_s()
    with trial.load() as load:
        with source_faults.paused_capture(trial), other_capture.running(trial.settings):
            trial.say("fault", Message("injected.capture_replaced"), part=trial.capture_part)
            trial.confirm(Message("confirm.newer_reads"), trial.is_captured, READS_WITHIN_S)
            load.wait_for_more(MORE)
            meanwhile_ids = set(load.event_ids)
            trial.wait_until_notified(meanwhile_ids, within_s)
            trial.say("note", Message("run.newer_published", n=len(meanwhile_ids)))
        load.wait_for_more(MORE)
    trial.wait_until_notified(trial.acknowledged, within_s)
    repeats = sum(times - 1 for times in trial.published().values())
    trial.wait(lambda: trial.deliveries().duplicate >= repeats, within_s, Message("awaited.duplicates"))
    absorbed = trial.deliveries().duplicate
    trial.check(Message("check.repeats_absorbed"), absorbed >= len(first_ids), Message("detail.absorbed", n=absorbed))
    trial.figures["absorbed"] = absorbed
    trial.wait_until_healthy()


SCENARIO = Scenario(
    name="capture-upgrade",
    quality="Upgrade of the capture",
    hypothesis="Debezium Server takes over from Debezium 1.9.7 and hands back, under load: nothing is lost, repeats are absorbed.",
    breaks="The source is stopped while commands are sent; Debezium Server captures in its place, and then the source again.",
    experiment=experiment,
    stacks=("native",),
    captures=("debezium",),
    takes_s=40,
    in_all=False,  # Debezium Server is a download of 430 MB
)
