"""The broker that runs the source dies under load: the other one takes over its partitions and the source."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks.compose import cluster

DOWN_S = 90.0
"""Long enough for the other broker to take over everything, on a busy machine too."""


def experiment(trial: Trial) -> None:
    broker = cluster.find_broker_of_source(trial.settings)

    def is_active() -> bool:
        return broker in cluster.active_brokers(trial.settings, except_for=broker)

    with trial.load() as load:
        with trial.killed(broker, DOWN_S):
            trial.confirm(Message("confirm.broker_gone", part=broker), lambda: not is_active(), 20)
            before = len(load.event_ids)
            load.wait_for_more(40)
            trial.wait_until_notified(load.event_ids, DOWN_S)
            arrived = Message("detail.events", n=len(load.event_ids) - before)
            trial.check(Message("check.notified_without", part=broker), not is_active(), arrived)
        trial.wait(is_active, 120, Message("awaited.server", part=broker), 0.5)
        trial.wait_until_healthy()
        load.wait_for_more(40)
    trial.wait_until_notified(trial.acknowledged, 60)


SCENARIO = Scenario(
    name="kill-one-broker",
    quality="Failover of a broker",
    hypothesis="When the broker with the source dies, the other one serves its partitions and runs the source: every event arrives in order.",
    breaks=f"SIGKILL of the broker that runs the source, under load, kept down for {DOWN_S:g} s.",
    experiment=experiment,
    stacks=("compose",),
    needs_cluster=True,
    takes_s=120,
)
