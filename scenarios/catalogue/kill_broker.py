"""The broker dies under load."""

from __future__ import annotations

from scenarios.model import Scenario
from scenarios.trial import Trial

DOWN_S = 4.0


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        with trial.killed("broker", DOWN_S):
            trial.confirm("the broker's port refuses connections", lambda: not trial.broker_answers())
            sent, refused = len(load.sent), load.unacknowledged
            trial.pause(DOWN_S - 1.5)
            grown = len(load.sent) - sent
            trial.check("commands go on while it is down", grown > 0 and load.unacknowledged == refused, f"{grown} did")
            trial.figures["commands_while_down"] = grown
        trial.whole()
        load.grows(40)
    trial.arrived(trial.acknowledged, 60)


SCENARIO = Scenario(
    name="kill-broker",
    quality="Tolerance to external failure",
    hypothesis="While Pulsar is dead commands go on, and everything is published once it is back.",
    breaks=f"SIGKILL of the broker under load, kept down for {DOWN_S:g} s.",
    experiment=experiment,
    takes_s=20,
)
