"""Test the relay and Debezium with the same tests: what they publish, as the observer recorded it."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import datetime

import pytest

from application import Application
from db import queries
from domain.commands import ApproveCommission, CalculateCommission
from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from workers.observer_records import Observed
from workers.observer_store import ObserverStore

EPOCH = datetime(1970, 1, 1)


@pytest.fixture
def application(stack: Settings) -> Iterator[Application]:
    with Application(stack, pool_size=1) as application:
        yield application


def captured(application: Application, settings: Settings, count: int, correlation: str) -> list[Observed]:
    """The messages of a correlation id, oldest first."""
    store = ObserverStore(settings.observer_store)
    try:
        until(lambda: len(store.count_messages_by_event(correlation)) == count, 30, "captured and published")
        return [row for row in reversed(store.read_messages(search=correlation)) if row.topic == settings.topics.events]
    finally:
        store.close()


def test_each_column_arrives_as_it_was_written(application: Application, stack: Settings) -> None:
    correlation = str(uuid.uuid4())
    traceparent = f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
    sent = application.send(
        CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "120.50", "USD", correlation, traceparent)
    )
    (message,) = captured(application, stack, 1, correlation)
    with application.reading() as connection:
        row = next(row for row in queries.recent_outbox(connection) if row.id == sent.event_ids[0])
    envelope = json.loads(message.value)
    after = envelope["after"]
    assert json.loads(after.pop("payload")) == row.payload
    assert after == {
        "seq": row.seq,
        "id": row.id,
        "aggregate_type": "commission",
        "aggregate_id": sent.commission_id,
        "aggregate_version": 1,
        "type": "CommissionCalculated",
        "version": 1,
        "correlation_id": correlation,
        "traceparent": traceparent,
        "occurred_at": (row.occurred_at - EPOCH).days * 86_400_000_000
        + (row.occurred_at - EPOCH).seconds * 1_000_000
        + row.occurred_at.microsecond,
    }
    assert (envelope["op"], envelope["before"], envelope["source"]["table"]) == ("c", None, "outbox_event")
    assert json.loads(base64.b64decode(message.key or "")) == {"aggregate_id": sent.commission_id}


def test_the_shape_is_the_golden_messages(application: Application, stack: Settings) -> None:
    correlation = str(uuid.uuid4())
    application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "1.00", "USD", correlation))
    (message,) = captured(application, stack, 1, correlation)
    golden = json.loads((REPOSITORY / "docs/contracts/golden/debezium-nar-4.0.8.json").read_text())[0]
    found, expected = json.loads(message.value), json.loads(golden["value"])
    assert list(found) == list(expected)
    assert list(found["after"]) == list(expected["after"])
    assert list(found["source"]) == list(expected["source"])


def test_the_events_of_a_commission_come_in_order(application: Application, stack: Settings) -> None:
    correlation = str(uuid.uuid4())
    for _ in range(20):
        one = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "1.00", "USD", correlation))
        application.send(ApproveCommission(one.commission_id, correlation))
    versions: dict[str, list[int]] = {}
    for message in captured(application, stack, 40, correlation):
        after = json.loads(message.value)["after"]
        versions.setdefault(after["aggregate_id"], []).append(after["aggregate_version"])
    assert len(versions) == 20
    assert all(found == [1, 2] for found in versions.values())


def test_a_rolled_back_transaction_is_never_captured(application: Application, stack: Settings) -> None:
    correlation, conversion = str(uuid.uuid4()), str(uuid.uuid4())
    application.send(CalculateCommission(conversion, "aff-1", "cmp-1", "1.00", "USD", correlation))
    with pytest.raises(Exception, match="already has"):
        application.send(CalculateCommission(conversion, "aff-1", "cmp-1", "1.00", "USD", correlation))
    application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "1.00", "USD", correlation))
    assert len(captured(application, stack, 2, correlation)) == 2
