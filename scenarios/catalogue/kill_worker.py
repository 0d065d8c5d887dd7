"""The worker dies after its commit and before its acknowledgements: the broker redelivers, and the inbox absorbs."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.trial import Trial

TIMES = 2


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        for _ in range(TIMES):
            is_replaced = trial.replacement_check(trial.worker)
            trial.crash(trial.worker, "notifications.committed")
            trial.wait(is_replaced, 20, Message("awaited.worker"))
            load.wait_for_more(40)
            trial.wait_until_notified(load.event_ids)
    trial.confirm(Message("confirm.redelivered"), lambda: trial.deliveries().duplicate > 0, 30)
    absorbed = trial.deliveries().duplicate
    trial.figures["absorbed"] = absorbed


SCENARIO = Scenario(
    name="kill-worker",
    quality="Idempotent consumer",
    hypothesis="A worker killed between commit and acknowledgement gets redeliveries, and the inbox absorbs them.",
    breaks="The notifications worker dies by SIGKILL exactly between its commit and its acknowledgements.",
    experiment=experiment,
    takes_s=12,
)
