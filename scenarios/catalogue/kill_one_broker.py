"""The broker that runs the source dies under load: the other one takes over its partitions and the source."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.server_loss import lose_server
from scenarios.trial import Trial
from stacks.compose import cluster

DOWN_S = 90.0
"""Long enough for the other broker to take over everything, on a busy machine too."""


def experiment(trial: Trial) -> None:
    broker = cluster.find_broker_of_source(trial.settings)

    def is_active() -> bool:
        return broker in cluster.active_brokers(trial.settings, except_for=broker)

    lose_server(trial, broker, DOWN_S, is_active, Message("confirm.broker_gone", part=broker))


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
