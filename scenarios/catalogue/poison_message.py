"""Poison messages, and an event that fails for a while, are contained among good messages."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import insert, update

from connectors.broker import Broker, Publisher
from db import outbox
from db.errors import translated
from db.tables import commission, outbox_event
from domain import clock
from domain.changes.approve import CommissionApproved
from domain.clock import utc_now
from domain.commands import CommissionResult
from domain.message import Message
from scenarios.model import Scenario
from scenarios.raw_rows import commit_raw_row
from scenarios.sources import holds_for_all
from scenarios.trial import Trial
from scenarios.waiting import TookTooLong
from stacks import dead_letters
from workers.observer_store import ObserverStore

FAILED_TOO_OFTEN = "failed_too_often"
MAX_BLOCKED = 4
"""Largest number of commissions that are made to fail until two later events arrive in time."""


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A failing event, and the two later events of its commission."""

    failing: str
    behind: tuple[str, str]


def experiment(trial: Trial) -> None:
    poison_messages = _make_poison_messages(trial.run_id)
    with trial.load() as load:
        publisher = Publisher(Broker(trial.settings), trial.settings.topics.events)
        try:
            for value in poison_messages.values():
                publisher.send(value)
        finally:
            publisher.close()
        _commit_unknown_version(trial)
        trial.say("fault", Message("injected.poison", n=len(poison_messages) + 1))
        blocked = _block_until_in_time(trial)
        load.wait_for_more(40)
        expected_reasons = {*poison_messages, "unknown_version", FAILED_TOO_OFTEN}
        trial.confirm(Message("confirm.dead_lettered"), lambda: _dead_letter_reasons(trial) == expected_reasons, 30)
        trial.check(Message("check.worker_alive"), bool(load.event_ids & trial.notified()))
    are_given_up = all(
        _dead_lettered_at(trial, blocked_commission.failing) is not None for blocked_commission in blocked
    )
    trial.check(Message("check.failing_dead_lettered"), are_given_up)
    failing_ids = {blocked_commission.failing for blocked_commission in blocked}
    trial.wait_until_notified(trial.acknowledged - failing_ids)
    trial.check(Message("check.failing_not_notified"), not failing_ids & trial.notified())
    requeued = [row.seq for row in trial.dead_letters() if row.reason == FAILED_TOO_OFTEN]
    dead_letters.requeue(trial.settings, requeued)
    trial.say("note", Message("run.requeued"))
    trial.wait_until_notified(trial.acknowledged, 30)
    dead_letters.requeue(trial.settings, requeued)  # as if somebody clicked twice: the inbox absorbs the second one
    absorbed = Message("awaited.duplicates")
    trial.wait(lambda: _are_delivered_again(trial, failing_ids), 30, absorbed)
    trial.check(Message("check.requeued_notified"), failing_ids <= trial.notified())
    trial.figures["dead_letters"] = sorted(row.reason for row in trial.dead_letters())


def _are_delivered_again(trial: Trial, event_ids: set[str]) -> bool:
    """Return whether each of these events, which have their effects, has one more delivery than dead letter and effect."""
    deliveries = Counter(delivery.event_id for delivery in trial.history().deliveries)
    return holds_for_all(event_ids, lambda event_id: deliveries[event_id] > 2)


def _block_until_in_time(trial: Trial) -> list[_Blocked]:
    """Make events fail, each with two later events of its commission, until two arrive while the failing one is retried.

    Only such a pair shows whether the worker holds the commission's key; on a slow machine the first pair may be too late.
    """
    blocked: list[_Blocked] = []
    for _ in range(MAX_BLOCKED):
        blocked.append(_block_commission(trial))
        if _arrived_while_failing(trial, blocked[-1]) or _dead_lettered_at(trial, blocked[-1].failing) is None:
            break
    trial.confirm(
        Message("confirm.later_arrived"),
        lambda: any(_arrived_while_failing(trial, candidate) for candidate in blocked),
    )
    return blocked


def _block_commission(trial: Trial) -> _Blocked:
    calculated = trial.calculate()
    trial.wait_until_notified(set(calculated.event_ids))
    with trial.failing(calculated.commission_id, aggregate_version=2):
        approved = trial.approve(calculated.commission_id)
        (failing,) = approved.event_ids
        # The worker has the event by now. Later events are in another batch, so only the held key can keep them back.
        trial.wait(lambda: failing in trial.published(), 20, Message("awaited.failing_published"), 0.01)
        behind = (_commit_change(trial, approved, 3), _commit_change(trial, approved, 4))
        with suppress(TookTooLong):  # the experiment's check reports it
            trial.wait(
                lambda: _dead_lettered_at(trial, failing) is not None, 30, Message("awaited.failing_dead_lettered")
            )
    return _Blocked(failing, behind)


def _commit_change(trial: Trial, approved: CommissionResult, version: int) -> str:
    """Commit one more change of a commission with its event, as a later version might; return the event's id."""
    event = CommissionApproved(
        approved.commission_id, version, utc_now(), approved.conversion_id, approved.amount, approved.currency
    )
    event_id = str(uuid.uuid4())
    changed = update(commission).where(commission.c.id == approved.commission_id).values(version=version)
    invoked_us = clock.epoch_us(utc_now())
    with translated(), trial.application.engine.begin() as connection:
        connection.execute(changed)
        connection.execute(insert(outbox_event).values(**outbox.build_row(event, event_id, trial.run_id, None)))
    trial.operations.record_change(approved.commission_id, invoked_us, event_id)
    return event_id


def _arrived_while_failing(trial: Trial, blocked: _Blocked) -> bool:
    dead_lettered_at = _dead_lettered_at(trial, blocked.failing)
    store = ObserverStore(trial.settings.observer_store)
    try:
        published = [
            [message.publish_us for message in store.read_messages_of(event_id)] for event_id in blocked.behind
        ]
    finally:
        store.close()
    return dead_lettered_at is not None and all(times and min(times) < dead_lettered_at for times in published)


def _dead_lettered_at(trial: Trial, event_id: str) -> int | None:
    """Return the time of the event's dead letter in microseconds since the epoch, or None."""
    rows = [row for row in trial.dead_letters() if row.event_id == event_id]
    return min((clock.epoch_us(row.dead_lettered_at) for row in rows), default=None)


def _make_poison_messages(marker: str) -> dict[str, bytes]:
    """Return dead-letter reason → message that causes it. Each contains the run's id, by which its dead letter is found."""
    return {
        "not_an_envelope": f"garbage of {marker}".encode(),
        "another_table": json.dumps({"op": "c", "source": {"table": "commission"}, "of": marker}).encode(),
    }


def _commit_unknown_version(trial: Trial) -> None:
    """Commit an event with a version that no worker understands, as a producer does that is updated first."""
    commit_raw_row(trial, "newer-producer", {"of": trial.run_id}, version=99)


def _dead_letter_reasons(trial: Trial) -> set[str]:
    return {row.reason for row in trial.dead_letters()}


SCENARIO = Scenario(
    name="poison-message",
    quality="Containment of bad messages",
    hypothesis="A message that cannot be processed is dead-lettered with its reason; only its commission waits until then.",
    breaks="Garbage, another table's row, an unknown version and an event that always fails, among good ones.",
    experiment=experiment,
    takes_s=8,
    poisonous=True,
)
