"""The worker dies between commit and acknowledgement, and while it holds a failing event: everything has its effect, once."""

from __future__ import annotations

from application.components import worker_names
from db import notification_queries
from domain.message import Message
from scenarios.model import Scenario
from scenarios.trial import Trial

TIMES = 2
FAILURES = 2
"""Each of two processes fails so often at an event: fewer times than a dead letter needs."""


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        for _ in range(TIMES):
            is_replaced = trial.replacement_check(trial.worker)
            trial.crash(trial.worker, "notifications.committed")
            trial.wait(is_replaced, 20, Message("awaited.worker"))
            trial.wait(trial.connection_check(trial.worker), 20, Message("awaited.worker"))
            load.wait_for_more(40)
            trial.wait_until_notified(load.event_ids)
    kill_while_retrying(trial)
    trial.confirm(Message("confirm.redelivered"), lambda: trial.deliveries().duplicate > 0, 30)
    absorbed = trial.deliveries().duplicate
    trial.figures["absorbed"] = absorbed


def kill_while_retrying(trial: Trial) -> None:
    """Let an event fail a few times, and kill the worker before the first retry: the broker must still have the event."""
    calculated = trial.calculate()
    trial.wait_until_notified(set(calculated.event_ids), 60)
    worker = _find_worker(trial, calculated.event_ids[0])
    with trial.failing(calculated.commission_id, aggregate_version=2, times=FAILURES):
        event_ids: list[str] = []

        def approve() -> None:
            event_ids.extend(trial.approve(calculated.commission_id).event_ids)

        trial.crash(worker, "notifications.retrying", approve)
        trial.wait_until_notified(set(event_ids), 60)


def _find_worker(trial: Trial, event_id: str) -> str:
    """Return the worker that gets the events of this event's commission: the one that notified it."""
    with trial.application.reading() as connection:
        consumer = notification_queries.find_consumer(connection, event_id)
    return consumer if consumer in worker_names(trial.settings) else trial.worker


SCENARIO = Scenario(
    name="kill-worker",
    quality="Idempotent consumer",
    hypothesis="A worker killed between commit and acknowledgement gets redeliveries, and the inbox absorbs them.",
    breaks="The notifications worker dies by SIGKILL between its commit and its acknowledgements, and while an event fails.",
    experiment=experiment,
    attribute="idempotency",
    takes_s=12,
)
