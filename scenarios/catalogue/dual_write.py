"""Why an outbox is needed: the same commands and the same broker failure, with and without an outbox."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.naive import NaiveLoad, find_lost
from scenarios.trial import Trial

DOWN_S = 4.0
LISTED = 5
PAIRS_A_SECOND = 12
"""Fewer than usual: without an outbox each command waits for the broker, and both sides handle every command."""


def experiment(trial: Trial) -> None:
    with trial.load(PAIRS_A_SECOND) as load, NaiveLoad(trial, load) as naive:
        naive.wait_for_more(40)
        with trial.killed("broker", DOWN_S):
            trial.confirm(Message("confirm.broker_refuses"), lambda: not trial.broker_answers())
            naive.wait_for_more(2)
        trial.wait_until_healthy()
        naive.wait_for_more(20)
        load.wait_for_more(40)
        load.stop()
        naive.catch_up()
    trial.wait_until_notified(trial.acknowledged, 60)
    lost = find_lost(trial)
    n = len(lost)
    trial.say("note", Message("run.naive_lost", n=n, m=naive.committed))
    trial.check(Message("check.naive_loses"), n > 0, Message("detail.lost", n=n))
    trial.figures |= {"naive_committed": naive.committed, "naive_lost": n, "naive_errors": naive.errors}
    trial.figures["naive_lost_ids"] = lost[:LISTED]


SCENARIO = Scenario(
    name="dual-write",
    quality="Why an outbox at all",
    hypothesis="Committing and then publishing loses events when the broker dies; the outbox next to it loses none.",
    breaks=f"SIGKILL of the broker, down for {DOWN_S:g} s, while every command goes through the outbox and, beside it, through a writer without one.",
    experiment=experiment,
    attribute="outbox",
    takes_s=20,
)
