"""Why an outbox is needed: the same load and the same broker failure, with and without an outbox."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.naive import NaiveLoad, count_lost
from scenarios.trial import Trial

DOWN_S = 4.0


def experiment(trial: Trial) -> None:
    with trial.load() as load, NaiveLoad(trial) as naive:
        naive.wait_for_more(20)
        with trial.killed("broker", DOWN_S):
            trial.confirm(Message("confirm.broker_refuses"), lambda: not trial.broker_answers())
            naive.wait_for_more(2)
        trial.wait_until_healthy()
        naive.wait_for_more(20)
        load.wait_for_more(40)
    trial.wait_until_notified(trial.acknowledged, 60)
    lost_count = count_lost(trial)
    trial.say("note", Message("run.naive_lost", n=lost_count, m=naive.committed))
    trial.check(Message("check.naive_loses"), lost_count > 0, Message("detail.lost", n=lost_count))
    trial.figures |= {"naive_committed": naive.committed, "naive_lost": lost_count, "naive_errors": naive.errors}


SCENARIO = Scenario(
    name="dual-write",
    quality="Why an outbox at all",
    hypothesis="Committing and then publishing loses events when the broker dies; the outbox next to it loses none.",
    breaks=f"SIGKILL of the broker, down for {DOWN_S:g} s, while a naive writer and the outbox run side by side.",
    experiment=experiment,
    takes_s=22,
)
