"""One of three bookies dies under load: the brokers write to the other two."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks.compose import cluster

BOOKIE = "bookie-1"
DOWN_S = 30.0


def experiment(trial: Trial) -> None:
    def is_writable() -> bool:
        return BOOKIE in cluster.writable_bookies(trial.settings, except_for=BOOKIE)

    with trial.load() as load:
        with trial.killed(BOOKIE, DOWN_S):
            trial.confirm(Message("confirm.bookie_gone", part=BOOKIE), lambda: not is_writable(), 20)
            before = len(load.event_ids)
            load.wait_for_more(40)
            trial.wait_until_notified(load.event_ids)
            arrived = Message("detail.events", n=len(load.event_ids) - before)
            trial.check(Message("check.notified_without", part=BOOKIE), not is_writable(), arrived)
        trial.wait(is_writable, 60, Message("awaited.server", part=BOOKIE), 0.5)
        trial.wait_until_healthy()
        load.wait_for_more(40)
    trial.wait_until_notified(trial.acknowledged, 60)


SCENARIO = Scenario(
    name="kill-bookie",
    quality="Replication of the log",
    hypothesis="While one of three bookies is down, every event is stored twice all the same, and arrives.",
    breaks=f"SIGKILL of one bookie under load, kept down for {DOWN_S:g} s.",
    experiment=experiment,
    stacks=("compose",),
    needs_cluster=True,
    takes_s=60,
)
