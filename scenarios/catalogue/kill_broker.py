"""The broker dies under load."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.trial import Trial

DOWN_S = 4.0


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        with trial.killed("broker", DOWN_S):
            trial.confirm(Message("confirm.broker_refuses"), lambda: not trial.broker_answers())
            sent_before, refused_before = len(load.sent), load.unacknowledged
            trial.pause(DOWN_S - 1.5)
            acknowledged_count = len(load.sent) - sent_before
            trial.check(
                Message("check.acknowledged_while_down"),
                acknowledged_count > 0 and load.unacknowledged == refused_before,
                Message("detail.commands", n=acknowledged_count),
            )
            trial.figures["commands_while_down"] = acknowledged_count
        trial.wait_until_healthy()
        load.wait_for_more(40)
    trial.wait_until_notified(trial.acknowledged, 60)


SCENARIO = Scenario(
    name="kill-broker",
    quality="Tolerance to external failure",
    hypothesis="While Pulsar is down, commands are acknowledged; every event is published after its return.",
    breaks=f"SIGKILL of the broker under load, kept down for {DOWN_S:g} s.",
    experiment=experiment,
    takes_s=20,
)
