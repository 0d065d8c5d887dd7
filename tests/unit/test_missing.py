"""Which events are missing downstream, and the feed that reads their rows only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from db import waiting_queries
from db.engine import READ
from db.missing import ChosenRows, find_missing
from domain.commands import CalculateCommission
from domain.outbox import OutboxRecord, UnreadableRow
from tests.instances import Instance

COMMITTED = 6
MISSING = [2, 3, 5]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """Six committed events, of which the second, the third and the fifth were never notified."""
    instance = Instance(tmp_path)
    for number in range(COMMITTED):
        instance.send("run", CalculateCommission(f"conv-{number}", "aff-1", "cmp-1", "1.00", "USD", "run"))
    feed = ChosenRows(instance.engine, [seq for seq in range(1, COMMITTED + 1) if seq not in MISSING])
    instance.pass_rows([row for row in feed.after(0, COMMITTED) if isinstance(row, OutboxRecord)])
    feed.close()
    yield instance
    instance.close()


def missing(instance: Instance, head: int = COMMITTED) -> list[int]:
    with instance.engine.connect().execution_options(**READ) as connection:
        return list(find_missing(connection, head))


def test_what_has_neither_a_notification_nor_a_dead_letter_is_missing(instance: Instance) -> None:
    assert missing(instance) == MISSING
    assert missing(instance, head=3) == [2, 3]
    with instance.engine.connect().execution_options(**READ) as connection:
        assert [step.seq for step in waiting_queries.find_unsettled(connection)] == MISSING
        assert waiting_queries.count_above(connection, 4) == 2


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_only_the_chosen_rows_are_read_in_their_order(instance: Instance, limit: int) -> None:
    rows, read, seq = ChosenRows(instance.engine, MISSING), list[int](), 0
    while page := rows.after(seq, limit):
        assert not rows.exhausted
        read += [row.seq for row in page]
        seq = read[-1]
        rows.save_checkpoint(seq)
    rows.close()
    assert (read, rows.exhausted, rows.count_settled()) == (MISSING, True, len(MISSING))


def test_rows_that_were_deleted_meanwhile_are_left_out(instance: Instance) -> None:
    with instance.engine.begin() as connection:
        connection.execute(text("DELETE FROM outbox_event WHERE seq IN (2, 3)"))
    rows = ChosenRows(instance.engine, MISSING)
    assert [row.seq for row in rows.after(0, 2)] == [5]
    rows.close()


def test_a_row_that_is_no_event_is_refused_and_not_parked(instance: Instance) -> None:
    with instance.engine.begin() as connection:
        connection.execute(text("UPDATE outbox_event SET aggregate_version = 'x' WHERE seq = 3"))
    rows = ChosenRows(instance.engine, MISSING)
    page = rows.after(0, 10)
    assert [type(row) for row in page] == [OutboxRecord, UnreadableRow, OutboxRecord]
    assert rows.park(3, "bad_row", "why")
    assert rows.refused == {3: "bad_row: why"}
    rows.close()
    assert missing(instance) == MISSING
