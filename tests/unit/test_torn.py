"""At no moment is a part of a transaction to be seen: a run's samples look for rows that lack the others."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from db import run_rows
from db.tables import commission, notification, outbox_event, processed_message
from domain.commands import ApproveCommission, CalculateCommission
from tests.instances import Instance

RUN = str(uuid.uuid4())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    for number in range(3):
        calculated = made.send(RUN, CalculateCommission(f"conversion-{number}", "a", "k", "120.50", "USD"))
        made.send(RUN, ApproveCommission(calculated.commission_id))
    made.pass_on()
    yield made
    made.close()


def torn(instance: Instance, correlation_id: str = RUN) -> int:
    with instance.application.reading(consistent=True) as connection:
        return run_rows.count_torn(connection, correlation_id)


def test_whole_transactions_are_not_torn(instance: Instance) -> None:
    assert torn(instance) == 0
    assert torn(instance, "nobody") == 0


@pytest.mark.parametrize("table", [notification, processed_message])
def test_a_notification_or_an_inbox_row_alone_is_seen(instance: Instance, table: object) -> None:
    with instance.engine.begin() as connection:
        connection.execute(delete(table).where(table.c.seq == 1))  # type: ignore[attr-defined,arg-type]
    assert torn(instance) == 1


def test_a_state_without_its_outbox_row_is_seen(instance: Instance) -> None:
    with instance.engine.begin() as connection:
        first = connection.execute(outbox_event.select().limit(1)).one()
        connection.execute(update(commission).where(commission.c.id == first.aggregate_id).values(version=3))
    assert torn(instance) == 1
