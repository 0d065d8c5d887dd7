"""Test that the queries for one run return the rows of that run, and no others."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from db import run_rows
from db.engine import READ
from db.tables import commission, dead_letter, event_timing, notification, outbox_event, processed_message, pruned_event
from tests.builders import AT

RUN = "run-1"


def add(engine: Engine, table: Any, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table).values(**values))


def add_commission(engine: Engine, number: int) -> None:
    add(
        engine,
        commission,
        id=f"c-{number}",
        conversion_id=f"conv-{number}",
        affiliate_id="aff-1",
        campaign_id="cmp-1",
        gross_amount=Decimal("120.50"),
        rate=Decimal("0.1"),
        amount=Decimal("12.05"),
        currency="USD",
        status="CALCULATED",
        version=1,
        created_at=AT,
        updated_at=AT,
    )


def add_event(engine: Engine, number: int, run: str) -> None:
    add(
        engine,
        outbox_event,
        id=f"e-{number}",
        aggregate_type="commission",
        aggregate_id=f"c-{number}",
        aggregate_version=1,
        type="CommissionCalculated",
        version=1,
        payload={},
        correlation_id=run,
        traceparent=None,
        occurred_at=AT,
    )


def add_delivery(engine: Engine, number: int, outcome: str, run: str | None, event_id: str | None) -> None:
    add(
        engine,
        processed_message,
        event_id=event_id,
        topic="events",
        message_id=f"(1,{number})",
        redelivery_count=number,
        outcome=outcome,
        correlation_id=run,
        consumer="notifications",
        received_at=AT + timedelta(seconds=number),
    )


def add_dead_letter(engine: Engine, number: int, run: str | None, payload: bytes = b"x") -> None:
    add(
        engine,
        dead_letter,
        topic="events",
        message_id=f"(1,{number})",
        payload=payload,
        properties={},
        correlation_id=run,
        reason="not_an_envelope",
        detail="d",
        attempts=1,
        dead_lettered_at=AT,
        publish_us=1,
    )


def test_commissions_are_found_by_their_events_and_by_the_commands_that_named_them(engine: Engine) -> None:
    for number in (1, 2, 3, 4):
        add_commission(engine, number)
    add_event(engine, 1, RUN)
    add_event(engine, 2, "another")
    with engine.connect().execution_options(**READ) as connection:
        assert run_rows.find_commission_ids(connection, RUN, {"conv-3", "conv-unknown"}, {"c-9"}) == [
            "c-1",
            "c-3",
            "c-9",
        ]
        states = list(run_rows.read_states(connection, ["c-1", "c-9"]))
    assert [state.id for state in states] == ["c-1"]
    assert states[0].amounts["grossAmount"] == "120.50"
    assert states[0].amounts["currency"] == "USD"


def test_more_ids_than_one_statement_takes_are_all_asked_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_rows, "CHUNK", 2)
    for number in range(5):
        add_commission(engine, number)
    with engine.connect().execution_options(**READ) as connection:
        ids = run_rows.find_commission_ids(connection, RUN, {f"conv-{number}" for number in range(5)}, ())
        assert [state.id for state in run_rows.read_states(connection, ids)] == [f"c-{number}" for number in range(5)]
    assert list(run_rows.chunks(["a", "b", "c"])) == [["a", "b"], ["c"]]
    assert list(run_rows.chunks([])) == []


def test_the_inbox_of_a_run_has_every_outcome_of_its_events_in_order(engine: Engine) -> None:
    for number, outcome in enumerate(run_rows.OUTCOMES):
        add_delivery(engine, number, outcome, RUN, f"e-{number}")
    add_delivery(engine, 8, "skipped", RUN, None)
    add_delivery(engine, 9, "applied", "another", "e-9")
    with engine.connect().execution_options(**READ) as connection:
        rows = list(run_rows.read_inbox(connection, RUN))
    assert [(row.outcome, row.event_id) for row in rows] == [
        (outcome, f"e-{number}") for number, outcome in enumerate(run_rows.OUTCOMES)
    ]
    assert [row.seq for row in rows] == sorted(row.seq for row in rows)


def test_when_a_notification_became_visible_is_its_timestamp_persisted(engine: Engine) -> None:
    for number, run in ((1, RUN), (2, "another"), (3, RUN)):
        add(
            engine,
            notification,
            event_id=f"e-{number}",
            commission_id="c",
            aggregate_version=1,
            type="CommissionCalculated",
            payload={},
            correlation_id=run,
            consumer="notifications",
            occurred_at=AT,
            notified_at=AT,
        )
    add(engine, event_timing, event_id="e-1", persisted_us=7, received_us=6)
    add(engine, event_timing, event_id="e-2", persisted_us=7)
    add(engine, event_timing, event_id="e-3", received_us=7)
    with engine.connect().execution_options(**READ) as connection:
        assert run_rows.read_visible_times(connection, RUN) == {"e-1": 7}


def test_a_dead_letter_is_the_runs_by_its_id_or_by_its_contents(engine: Engine) -> None:
    add_dead_letter(engine, 1, RUN)  # before the run began
    add_dead_letter(engine, 2, RUN)
    add_dead_letter(engine, 3, None, b"garbage of run-1!")
    add_dead_letter(engine, 4, "another")
    with engine.connect().execution_options(**READ) as connection:
        rows = run_rows.read_dead_letters(connection, RUN, after_seq=1)
    assert [row.seq for row in rows] == [2, 3]


def test_one_pruned_row_tells_that_the_outbox_is_not_whole(engine: Engine) -> None:
    with engine.connect().execution_options(**READ) as connection:
        assert not run_rows.has_pruned(connection)
    add(engine, pruned_event, event_id="e-1", seq=1, correlation_id="another", occurred_at=AT, pruned_at=AT)
    with engine.connect().execution_options(**READ) as connection:
        assert run_rows.has_pruned(connection)
