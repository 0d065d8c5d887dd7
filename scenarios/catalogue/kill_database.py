"""The database dies under load."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import WITH_MYSQL, Scenario
from scenarios.trial import Trial

DOWN_S = 3.0


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        with trial.killed("database", DOWN_S):
            trial.confirm(Message("confirm.database_refuses"), lambda: not trial.database_answers())
            refused_before = load.unacknowledged
            refused = Message("confirm.commands_refused")
            trial.confirm(refused, lambda: load.unacknowledged > refused_before, DOWN_S)
        trial.wait(trial.database_answers, 60, Message("awaited.database"))
        trial.say("recovered", Message("run.database_answers"))
        load.wait_for_more(60)
    trial.wait_until_healthy()
    trial.wait_until_notified(trial.acknowledged, 60)
    trial.figures["refused"] = load.unacknowledged


SCENARIO = Scenario(
    name="kill-database",
    quality="Durability",
    hypothesis="When MySQL dies, acknowledged commands survive, failed ones leave nothing, and the source continues.",
    breaks=f"SIGKILL of mysqld under load, kept down for {DOWN_S:g} s.",
    experiment=experiment,
    stacks=WITH_MYSQL,
    takes_s=20,
)
