"""Test that every disagreement between commissions and outbox rows is named with its field and both values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from application import Application
from db import ordering
from db.engine import READ, connect
from db.tables import commission, dead_letter, event_timing, metadata, notification, outbox_event
from domain.clock import epoch_us
from domain.commands import ApproveCommission, CalculateCommission
from scenarios.history import reading
from scenarios.history.reading import Beginning
from scenarios.history.records import Operation
from scenarios.properties.state import state_and_outbox_agree
from settings import Settings
from tests.builders import AT, record
from workers.observer_store import ObserverStore

BEGAN_US = epoch_us(AT.replace(second=1))
"""When the transactions began of which a test says no other second."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'a.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def commission_id(engine: Engine, tmp_path: Path) -> str:
    """Of a commission calculated and approved under the correlation id `run-1`."""
    with Application(Settings(home=tmp_path, database_url=str(engine.url))) as application:
        result = application.send(CalculateCommission("conversion-1", "a", "k", "120.50", "USD", "run-1"))
        application.send(ApproveCommission(result.commission_id, "run-1"))
    return result.commission_id


def disagreements(engine: Engine, home: Path) -> list[str]:
    """What the judge finds: each time a commission's id, a field, its value in the commission and in the events."""
    settings = Settings(home=home, database_url=str(engine.url))
    ObserverStore(settings.observer_store, write=True).close()
    asked = Operation("HTTP", "calculate", "conversion-1", 1, 2, "acknowledged")
    with Application(settings, pool_size=1) as application:
        history = reading.read_history(application, settings, "run-1", Beginning(0, 0), [asked])
    return [violation.detail for violation in state_and_outbox_agree(history)]


def test_rows_written_by_commands_agree(engine: Engine, commission_id: str, tmp_path: Path) -> None:
    assert disagreements(engine, tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({"amount": Decimal("99.99")}, "amount"),
        ({"gross_amount": Decimal("1.00")}, "grossAmount"),
        ({"rate": Decimal("0.2")}, "rate"),
        ({"currency": "EUR"}, "currency"),
        ({"affiliate_id": "b"}, "affiliateId"),
        ({"status": "CALCULATED"}, "status"),
        ({"version": 3}, "version"),  # state without event
    ],
)
def test_a_commission_that_differs_from_its_events_is_named(
    engine: Engine, commission_id: str, tmp_path: Path, changes: dict[str, Any], differing: str
) -> None:
    with engine.begin() as connection:
        connection.execute(update(commission).values(**changes))
    found = disagreements(engine, tmp_path)
    assert found
    assert all(each.startswith(f"{commission_id}: {differing} is ") for each in found)


def test_an_event_without_its_commission_is_named(engine: Engine, tmp_path: Path) -> None:
    _outbox(engine, version=1)
    assert disagreements(engine, tmp_path) == ["c-1: version is - in the commission, 1 in its events"]


def test_a_commission_without_any_event_is_named(engine: Engine, commission_id: str, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(outbox_event.delete())
    assert disagreements(engine, tmp_path)[0] == f"{commission_id}: version is 2 in the commission, - in its events"


# The order of notifications.


def _outbox(engine: Engine, version: int) -> None:
    row = record(version, "c-1", version, id=f"e-{version}")
    values = {name: getattr(row, name) for name in row.__slots__}
    with engine.begin() as connection:
        connection.execute(insert(outbox_event).values(**values | {"payload": json.loads(row.payload)}))


def _notify(engine: Engine, version: int, second: int, persisted_us: int | None = None) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(notification).values(
                event_id=f"e-{version}",
                commission_id="c-1",
                aggregate_version=version,
                type="x",
                payload={},
                correlation_id="run-1",
                consumer="test",
                occurred_at=AT,
                notified_at=AT.replace(second=second),
            )
        )
        if persisted_us is not None:
            values = {"event_id": f"e-{version}", "persisted_us": persisted_us}
            connection.execute(insert(event_timing).values(**values))


def _dead_letter(engine: Engine, version: int, second: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(dead_letter).values(
                topic="events",
                message_id=f"m-{version}-{second}",
                payload=b"",
                properties={},
                event_id=f"e-{version}",
                reason="failed_too_often",
                detail="",
                attempts=5,
                dead_lettered_at=AT.replace(second=second),
            )
        )


def out_of_order(engine: Engine, **options: bool) -> list[str]:
    with engine.connect().execution_options(**READ) as connection:
        return ordering.notified_out_of_order(connection, "run-1", **options)


def test_an_event_that_became_visible_after_a_later_one_is_named(engine: Engine) -> None:
    """On MySQL: inserted in order, committed by two workers the other way round."""
    _notify(engine, 1, 1, persisted_us=BEGAN_US + 500)
    _notify(engine, 2, 1, persisted_us=BEGAN_US + 400)
    _notify(engine, 3, 1, persisted_us=BEGAN_US + 500)
    assert out_of_order(engine) == ["e-1"]
    assert out_of_order(engine, one_clock=False) == []


def test_a_clock_that_was_set_back_makes_no_event_late(engine: Engine) -> None:
    """The first two were notified by a worker whose clock was ahead; the third one after it was set right."""
    _notify(engine, 1, 40, persisted_us=epoch_us(AT.replace(second=40)) + 500)
    _notify(engine, 2, 41, persisted_us=epoch_us(AT.replace(second=41)) + 500)
    _notify(engine, 3, 1, persisted_us=BEGAN_US + 500)
    assert out_of_order(engine) == []
    _notify(engine, 4, 2, persisted_us=epoch_us(AT.replace(second=2)) + 500)
    _notify(engine, 5, 2, persisted_us=epoch_us(AT.replace(second=2)) + 400)
    assert out_of_order(engine) == ["e-4"]


def test_events_wait_until_the_one_before_them_is_dead_lettered(engine: Engine) -> None:
    for version in (1, 2, 3, 4):
        _outbox(engine, version)
    _notify(engine, 1, 1)
    _notify(engine, 3, 2)
    _dead_letter(engine, 2, 3)
    _notify(engine, 4, 4)
    assert out_of_order(engine) == ["e-3"]
    _notify(engine, 2, 9)  # requeued: it may come last
    assert out_of_order(engine) == ["e-3"]


def test_a_notified_event_that_fails_at_a_redelivery_holds_no_other_event(engine: Engine) -> None:
    for version in (1, 2):
        _outbox(engine, version)
        _notify(engine, version, version)
    _dead_letter(engine, 1, 9)
    assert out_of_order(engine) == []
