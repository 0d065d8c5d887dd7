"""The database dies under load."""

from __future__ import annotations

from db.errors import DatabaseUnavailable
from scenarios.model import WITH_MYSQL, Scenario
from scenarios.trial import Trial

DOWN_S = 3.0


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        with trial.killed("database", DOWN_S):
            trial.confirm("the database refuses connections", lambda: not _answers(trial))
            refused = load.unacknowledged
            trial.confirm("commands are refused in words", lambda: load.unacknowledged > refused, DOWN_S)
        trial.wait(lambda: _answers(trial), 60, "the database is back")
        trial.say("recovered", "the database answers")
        load.grows(60)
    trial.whole()
    trial.arrived(trial.acknowledged, 60)
    trial.figures["refused"] = load.unacknowledged


def _answers(trial: Trial) -> bool:
    try:
        trial.committed()
    except DatabaseUnavailable:
        return False
    return True


SCENARIO = Scenario(
    name="kill-database",
    quality="Durability",
    hypothesis="What was acknowledged survives the death of MySQL, what failed left nothing, and the source goes on.",
    breaks=f"SIGKILL of mysqld under load, kept down for {DOWN_S:g} s.",
    experiment=experiment,
    stacks=WITH_MYSQL,
    takes_s=20,
)
