"""Messages that can never be processed, and one that cannot now, among good ones."""

from __future__ import annotations

import json
import uuid

from sqlalchemy import insert

from application.commissions import utc_now
from connectors.broker import Broker, Publisher
from db import queries
from db.errors import translated
from db.tables import outbox_event
from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks import dead_letters

FAILS = "failed_too_often"


def experiment(trial: Trial) -> None:
    poison = _poison(trial.run_id)
    failing = trial.calculate()
    trial.arrived(set(failing.event_ids))
    with trial.load() as load, trial.failing(failing.commission_id):
        publisher = Publisher(Broker(trial.settings), trial.settings.topics.events)
        try:
            for value in poison.values():
                publisher.send(value)
        finally:
            publisher.close()
        _newer_producer(trial)
        trial.say("fault", f"{len(poison) + 1} messages that nobody can process were published")
        doomed = trial.approve(failing.commission_id)
        load.grows(40)
        wanted = {*poison, "unknown_version", FAILS}
        trial.confirm("each is dead-lettered with its reason", lambda: _reasons(trial) == wanted, 30)
        trial.check("the worker is alive and good events go on", bool(load.event_ids & trial.notified()))
    again = [row for row in _letters(trial) if row.reason == FAILS]
    trial.check("the failing event is not notified", not set(doomed.event_ids) & trial.notified())
    dead_letters.requeue(trial.settings, [row.seq for row in again])
    trial.say("note", "the failing event is sent again after the fix")
    trial.arrived(trial.acknowledged, 30)
    trial.check("requeued after the fix it is notified", set(doomed.event_ids) <= trial.notified())
    trial.figures["dead_letters"] = sorted(row.reason for row in _letters(trial))


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


def _letters(trial: Trial) -> list[queries.DeadLetterRow]:
    with trial.application.reading() as connection:
        found = queries.dead_letters(connection, limit=500)
    marker = trial.run_id.encode()
    return [row for row in found if marker in row.payload]


def _reasons(trial: Trial) -> set[str]:
    return {row.reason for row in _letters(trial)}


SCENARIO = Scenario(
    name="poison-message",
    quality="Containment of bad messages",
    hypothesis="What cannot be processed is dead-lettered with its reason, and everything else goes on.",
    breaks="Garbage, another table's row, an unknown version and an event that always fails, among good ones.",
    experiment=experiment,
    takes_s=8,
)
