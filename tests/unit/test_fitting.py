"""Test the last guard before a row is inserted: SQLite refuses what MySQL would refuse or round."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Table

from application import Application
from db import queries
from db.engine import connect
from db.fitting import check_outbox_row, check_row
from db.migrate import upgrade
from db.tables import commission, outbox_event
from domain import contract
from domain.changes.calculate import CommissionCalculated
from domain.commands import CalculateCommission
from domain.errors import InvalidField, TooLarge
from settings import Settings
from tests.builders import AT

COMMISSION: dict[str, Any] = {
    "id": "c-1", "conversion_id": "v-1", "affiliate_id": "a-1", "campaign_id": "k-1", "gross_amount": Decimal("120.50"),
    "rate": Decimal("0.1"), "amount": Decimal("12.05"), "currency": "USD", "status": "CALCULATED", "version": 1,
    "created_at": AT, "updated_at": AT,
}  # fmt: skip
OUTBOX: dict[str, Any] = {
    "id": "e-1", "aggregate_type": "commission", "aggregate_id": "c-1", "aggregate_version": 1,
    "type": "CommissionCalculated", "version": 1, "payload": {"commissionId": "c-1"}, "correlation_id": "r-1",
    "traceparent": None, "occurred_at": AT,
}  # fmt: skip


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    engine = connect(url)
    upgrade(engine)
    engine.dispose()
    with Application(Settings(home=tmp_path, stack="external", database_url=url), pool_size=1) as application:
        yield application


@pytest.mark.parametrize(
    ("table", "row", "name", "value"),
    [
        (commission, COMMISSION, "conversion_id", "x" * 65),
        (commission, COMMISSION, "currency", "DOLLAR"),
        (commission, COMMISSION, "status", None),
        (commission, COMMISSION, "version", 2**31),
        (commission, COMMISSION, "gross_amount", Decimal(10**15)),
        (commission, COMMISSION, "gross_amount", Decimal("0.00001")),
        (commission, COMMISSION, "amount", Decimal("NaN")),
        (commission, COMMISSION, "rate", Decimal("0.1234567")),
        (outbox_event, OUTBOX, "id", "x" * 37),
        (outbox_event, OUTBOX, "type", 7),
        (outbox_event, OUTBOX, "correlation_id", "\ud800"),
        (outbox_event, OUTBOX, "traceparent", "x" * 65),
        (outbox_event, OUTBOX, "payload", {"x": float("nan")}),
        (outbox_event, OUTBOX, "payload", {"x": "\ud800"}),
    ],
)
def test_a_row_that_does_not_fit_its_table_is_refused_by_column(
    table: Table, row: dict[str, Any], name: str, value: object
) -> None:
    check = check_row if table is commission else check_outbox_row
    check(table, row)
    with pytest.raises(InvalidField) as refused:
        check(table, {**row, name: value})
    assert refused.value.field == name


def test_an_event_too_large_for_a_message_is_refused_and_nothing_is_written(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = CommissionCalculated.payload
    monkeypatch.setattr(
        CommissionCalculated, "payload", lambda event: {**payload(event), "pad": "x" * contract.PAYLOAD_BYTES}
    )
    with pytest.raises(TooLarge, match="at most 1000000 bytes"):
        application.send(CalculateCommission("v-1", "a-1", "k-1", "1.00", "USD"))
    with application.reading() as connection:
        assert queries.commission_by_conversion(connection, "v-1") is None
        assert queries.count_outbox(connection) == 0


@pytest.mark.parametrize("rate", ["-0.1", "1.000001", "10", "0.1234567", "NaN", "Infinity", "1e-7"])
def test_a_rate_that_no_column_stores_or_no_campaign_pays_is_refused(rate: str) -> None:
    with pytest.raises(ValidationError, match="default_rate"):
        Settings(default_rate=rate)
    with pytest.raises(ValidationError, match="campaign_rates"):
        Settings(campaign_rates={"summer": rate})


@pytest.mark.parametrize("rate", ["0", "1", "0.1", "0.123456", "0.1000000000"])
def test_any_other_rate_is_accepted(rate: str) -> None:
    assert Settings(default_rate=rate, campaign_rates={"summer": rate}).default_rate == Decimal(rate)
