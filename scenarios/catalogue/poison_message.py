"""Messages that can never be processed, and one that cannot now, among good ones."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from sqlalchemy import insert, update

from application.commissions import utc_now
from connectors.broker import Broker, Publisher
from db import outbox
from db.errors import translated
from db.tables import commission, outbox_event
from domain import clock
from domain.commands import CommissionResult
from domain.events import CommissionApproved
from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks import dead_letters
from workers.observer_store import ObserverStore

FAILS = "failed_too_often"
BLOCKED_AT_MOST = 4
"""Commissions that are made to fail, at most, until two events came behind the failing one in time."""


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A failing event, and the two that were written behind it."""

    failing: str
    behind: tuple[str, str]


def experiment(trial: Trial) -> None:
    poison = _poison(trial.run_id)
    with trial.load() as load:
        publisher = Publisher(Broker(trial.settings), trial.settings.topics.events)
        try:
            for value in poison.values():
                publisher.send(value)
        finally:
            publisher.close()
        _newer_producer(trial)
        trial.say("fault", f"{len(poison) + 1} messages that nobody can process were published")
        blocked = _blocked_in_time(trial)
        load.grows(40)
        wanted = {*poison, "unknown_version", FAILS}
        trial.confirm("each is dead-lettered with its reason", lambda: _reasons(trial) == wanted, 30)
        trial.check("the worker is alive and good events go on", bool(load.event_ids & trial.notified()))
    doomed = {each.failing for each in blocked}
    trial.arrived(trial.acknowledged - doomed)
    trial.check("the failing event is not notified", not doomed & trial.notified())
    dead_letters.requeue(trial.settings, [row.seq for row in trial.dead_letters() if row.reason == FAILS])
    trial.say("note", "the failing event is sent again after the fix")
    trial.arrived(trial.acknowledged, 30)
    trial.check("requeued after the fix it is notified", doomed <= trial.notified())
    trial.figures["dead_letters"] = sorted(row.reason for row in trial.dead_letters())


def _blocked_in_time(trial: Trial) -> list[_Blocked]:
    """Failing events with two of their commission behind each, until one pair came while its failing event was tried.

    Only such a pair shows whether the worker holds the commission; on a slow machine the first may come too late.
    """
    blocked: list[_Blocked] = []
    for _ in range(BLOCKED_AT_MOST):
        blocked.append(_block(trial))
        if _came_while_it_failed(trial, blocked[-1]):
            break
    trial.confirm(
        "two later events of its commission came while it was tried again",
        lambda: any(_came_while_it_failed(trial, each) for each in blocked),
    )
    return blocked


def _block(trial: Trial) -> _Blocked:
    calculated = trial.calculate()
    trial.arrived(set(calculated.event_ids))
    with trial.failing(calculated.commission_id, aggregate_version=2):
        approved = trial.approve(calculated.commission_id)
        (failing,) = approved.event_ids
        # The worker has it too by now: what comes next is in another batch, and held by nothing but the commission's key.
        trial.wait(lambda: failing in trial.published(), 20, "the failing event is published", 0.01)
        behind = (_changed_again(trial, approved, 3), _changed_again(trial, approved, 4))
        trial.wait(lambda: _dead_lettered_at(trial, failing) is not None, 30, "the failing event is dead-lettered")
    return _Blocked(failing, behind)


def _changed_again(trial: Trial, approved: CommissionResult, version: int) -> str:
    """Commit one more change of a commission with its event, as a later program would; the event's id."""
    event = CommissionApproved(
        approved.commission_id, version, utc_now(), approved.conversion_id, approved.amount, approved.currency
    )
    event_id = str(uuid.uuid4())
    changed = update(commission).where(commission.c.id == approved.commission_id).values(version=version)
    with translated(), trial.application.engine.begin() as connection:
        connection.execute(changed)
        connection.execute(insert(outbox_event).values(**outbox.row(event, event_id, trial.run_id, None)))
    trial.acknowledged.add(event_id)
    return event_id


def _came_while_it_failed(trial: Trial, blocked: _Blocked) -> bool:
    at = _dead_lettered_at(trial, blocked.failing)
    store = ObserverStore(trial.settings.observer_store)
    try:
        published = [[message.publish_us for message in store.messages_of(each)] for each in blocked.behind]
    finally:
        store.close()
    return at is not None and all(times and min(times) < at for times in published)


def _dead_lettered_at(trial: Trial, event_id: str) -> int | None:
    """Microseconds since the epoch."""
    rows = [row for row in trial.dead_letters() if row.event_id == event_id]
    return min((clock.epoch_us(row.dead_lettered_at) for row in rows), default=None)


def _poison(marker: str) -> dict[str, bytes]:
    """Reason → message that somebody else published; the run's id stands in each, so that its dead letter is known."""
    return {
        "not_an_envelope": f"garbage of {marker}".encode(),
        "another_table": json.dumps({"op": "c", "source": {"table": "commission"}, "of": marker}).encode(),
    }


def _newer_producer(trial: Trial) -> None:
    """Commits an event of a version nobody here understands, as a producer would that was updated first."""
    row = {
        "id": str(uuid.uuid4()),
        "aggregate_type": "commission",
        "aggregate_id": str(uuid.uuid4()),
        "aggregate_version": 1,
        "type": "CommissionCalculated",
        "version": 99,
        "payload": {"of": trial.run_id},
        "correlation_id": f"newer-producer-{trial.run_id[:8]}",
        "traceparent": None,
        "occurred_at": utc_now(),
    }
    with translated(), trial.application.engine.begin() as connection:
        connection.execute(insert(outbox_event).values(**row))


def _reasons(trial: Trial) -> set[str]:
    return {row.reason for row in trial.dead_letters()}


SCENARIO = Scenario(
    name="poison-message",
    quality="Containment of bad messages",
    hypothesis="What cannot be processed is dead-lettered with its reason; its commission waits until then, all else goes on.",
    breaks="Garbage, another table's row, an unknown version and an event that always fails, among good ones.",
    experiment=experiment,
    takes_s=8,
    poisonous=True,
)
