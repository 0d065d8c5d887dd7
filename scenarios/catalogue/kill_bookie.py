"""One of three bookies dies under load: the brokers write to the other two."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.server_loss import lose_server
from scenarios.trial import Trial
from stacks.compose import cluster

BOOKIE = "bookie-1"
DOWN_S = 30.0


def experiment(trial: Trial) -> None:
    def is_writable() -> bool:
        return BOOKIE in cluster.writable_bookies(trial.settings, except_for=BOOKIE)

    lose_server(trial, BOOKIE, DOWN_S, is_writable, Message("confirm.bookie_gone", part=BOOKIE))


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
