"""Test the statements of pruning one by one: which rows each finds, and what each deletes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from db import pruning
from db.dead_letter_queries import PRUNED
from db.engine import READ
from db.tables import (
    dead_letter,
    event_timing,
    notification,
    outbox_event,
    processed_message,
    pruned_event,
    scenario_run,
)
from tests.builders import AT, record

DAY = timedelta(days=1)


def add(engine: Engine, table: Any, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table).values(**values))


def read(engine: Engine, column: Any) -> list[Any]:
    with engine.connect().execution_options(**READ) as connection:
        return list(connection.scalars(select(column).order_by(column)))


def add_event(engine: Engine, seq: int, at: datetime = AT, *, notified: bool = True) -> None:
    event = record(seq, id=f"e-{seq}", occurred_at=at)
    add(engine, outbox_event, **{name: getattr(event, name) for name in event.__slots__} | {"payload": {}})
    add(engine, event_timing, event_id=f"e-{seq}", committed_us=1)
    if notified:
        values = {"aggregate_version": 1, "type": "t", "payload": {}, "consumer": "n", "occurred_at": at}
        shared = {"event_id": f"e-{seq}", "commission_id": "c", "correlation_id": "r", "notified_at": at}
        add(engine, notification, **values, **shared)


@pytest.mark.parametrize(
    ("after", "keep", "limit", "expected", "last"),
    [
        (0, 0, 10, [1, 2, 3], 4),
        (1, 0, 10, [2, 3], 4),
        (0, 0, 2, [1, 2], 2),
        (0, 2, 10, [1, 2], 2),
        (0, 9, 10, None, 0),
        (3, 0, 10, [], 4),
        (4, 0, 10, None, 0),
    ],
)
def test_candidates_are_old_in_order_and_not_among_the_newest(
    engine: Engine, after: int, keep: int, limit: int, expected: list[int] | None, last: int
) -> None:
    for seq in (1, 2, 3):
        add_event(engine, seq, notified=seq != 2)
    add_event(engine, 4, AT + DAY)
    with engine.connect().execution_options(**READ) as connection:
        lowest_kept = pruning.find_lowest_kept(connection, keep)
        page = pruning.read_outbox_page(connection, after, AT + DAY, lowest_kept, limit)
    if expected is None:
        assert page is None
        return
    assert page is not None
    assert ([candidate.seq for candidate in page.candidates], page.last_seq) == (expected, last)
    assert all(candidate.notified == (candidate.seq != 2) for candidate in page.candidates)


def test_the_lowest_kept_row_is_counted_from_the_newest(engine: Engine) -> None:
    with engine.connect().execution_options(**READ) as connection:
        assert [pruning.find_lowest_kept(connection, keep) for keep in (0, 2)] == [None, 0]
    for seq in (1, 5, 9):
        add_event(engine, seq)
    with engine.connect().execution_options(**READ) as connection:
        assert [pruning.find_lowest_kept(connection, keep) for keep in (0, 1, 2, 3, 4)] == [None, 9, 5, 1, 1]


def test_a_pruned_row_leaves_its_id_and_takes_its_times_along(engine: Engine) -> None:
    for seq in (1, 2, 3):
        add_event(engine, seq, notified=seq != 2)
    assert pruning.delete_outbox_rows(engine, ["e-1", "e-2", "e-9"]) == 1  # e-2 has no effect yet
    assert read(engine, outbox_event.c.id) == ["e-2", "e-3"]
    assert read(engine, event_timing.c.event_id) == ["e-2", "e-3"]
    assert read(engine, pruned_event.c.event_id) == ["e-1"]
    assert read(engine, pruned_event.c.seq) == [1]


def test_nothing_is_written_when_no_row_may_go(engine: Engine) -> None:
    add_event(engine, 1, notified=False)
    assert pruning.delete_outbox_rows(engine, ["e-1"]) == 0
    assert read(engine, pruned_event.c.event_id) == []


def test_inbox_rows_go_page_by_page_when_they_are_old_and_their_event_is_gone(engine: Engine) -> None:
    add_event(engine, 1)
    for seq, (event_id, at) in enumerate(
        [("e-1", AT), ("gone", AT), (None, AT), ("gone", AT + 2 * DAY), ("gone", AT)], start=1
    ):
        values = {"topic": "t", "message_id": str(seq), "redelivery_count": 0, "outcome": "applied", "consumer": "n"}
        add(engine, processed_message, seq=seq, event_id=event_id, received_at=at, **values)
    with engine.connect().execution_options(**READ) as connection:
        first = pruning.read_inbox_page(connection, 0, AT + DAY, 4)
        assert first is not None
        second = pruning.read_inbox_page(connection, first.last_seq, AT + DAY, 4)
        assert second is not None
        assert pruning.read_inbox_page(connection, second.last_seq, AT + DAY, 4) is None
    assert (first.last_seq, first.older, first.removable) == (4, 3, [2, 3])
    assert (second.last_seq, second.older, second.removable) == (5, 1, [5])
    assert pruning.delete_inbox_rows(engine, [2, 3, 5, 99]) == 3
    assert read(engine, processed_message.c.seq) == [1, 4]


def test_only_requeued_dead_letters_with_a_body_lose_it(engine: Engine) -> None:
    for seq, (requeued_at, payload) in enumerate([(AT, b"x"), (None, b"x"), (AT, b""), (AT + 2 * DAY, b"x")], start=1):
        shared = {"topic": "t", "message_id": str(seq), "properties": {}, "reason": "r", "detail": "d", "attempts": 1}
        add(
            engine,
            dead_letter,
            seq=seq,
            payload=payload,
            dead_lettered_at=AT,
            requeued_at=requeued_at,
            publish_us=1,
            **shared,
        )
    with engine.connect().execution_options(**READ) as connection:
        assert pruning.find_settled_dead_letters(connection, AT + DAY, 0, 10) == [1]
        assert pruning.find_settled_dead_letters(connection, AT + DAY, 1, 10) == []
    assert pruning.delete_bodies(engine, [1]) == 1
    assert read(engine, dead_letter.c.seq) == [1, 2, 3, 4]
    with engine.connect().execution_options(**READ) as connection:
        row = connection.execute(select(dead_letter).where(dead_letter.c.seq == 1)).one()
        assert pruning.find_settled_dead_letters(connection, AT + DAY, 0, 10) == []
    assert (row.payload, row.properties) == (b"", PRUNED)


def test_old_runs_are_those_that_ended_and_are_not_the_newest(engine: Engine) -> None:
    for number, finished_at in enumerate([AT, AT, None, AT + 2 * DAY]):
        add(
            engine,
            scenario_run,
            id=f"run-{number}",
            name="n",
            stack="s",
            seed=1,
            state="finished",
            started_at=AT - timedelta(minutes=10 - number),
            finished_at=finished_at,
        )
    with engine.connect().execution_options(**READ) as connection:
        assert pruning.find_old_runs(connection, AT + DAY, keep=0) == ["run-0", "run-1"]
        assert pruning.find_old_runs(connection, AT + DAY, keep=3) == ["run-0"]
    pruning.delete_run(engine, "run-0")
    assert read(engine, scenario_run.c.id) == ["run-1", "run-2", "run-3"]
