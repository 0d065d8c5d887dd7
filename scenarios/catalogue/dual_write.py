"""Why an outbox at all: the same load and the same dead broker, with and without one."""

from __future__ import annotations

from scenarios.model import Scenario
from scenarios.naive import NaiveLoad, lost
from scenarios.trial import Trial

DOWN_S = 4.0


def experiment(trial: Trial) -> None:
    with trial.load() as load, NaiveLoad(trial) as naive:
        naive.grows(20)
        with trial.killed("broker", DOWN_S):
            trial.confirm("the broker's port refuses connections", lambda: not trial.broker_answers())
            naive.grows(2)
        trial.whole()
        naive.grows(20)
        load.grows(40)
    trial.arrived(trial.acknowledged, 60)
    gone = lost(trial)
    trial.say("note", f"commit, then publish: {gone} of {naive.committed} events lost; the outbox lost none")
    trial.check("the naive writer loses events under the same fault", gone > 0, f"{gone} lost")
    trial.figures |= {"naive_committed": naive.committed, "naive_lost": gone, "naive_errors": naive.errors}


SCENARIO = Scenario(
    name="dual-write",
    quality="Why an outbox at all",
    hypothesis="Committing and then publishing loses events when the broker dies; the outbox beside it loses none.",
    breaks=f"SIGKILL of the broker, down for {DOWN_S:g} s, under a naive writer and the outbox side by side.",
    experiment=experiment,
    takes_s=22,
)
