"""Test that the cost of a count does not grow with the table. SQLite reports its steps, so no clock is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, event, func, select, update

from db import counting
from db.counting import CommissionCount, GrowingCount
from db.engine import connect
from db.tables import commission, metadata, processed_message
from domain.clock import utc_now

STEPS_AT_ONCE = 50


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'test.db'}", pool_size=1)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_counting_outcomes_takes_the_same_steps_for_many_messages_as_for_few(engine: Engine) -> None:
    """It walked a whole index to group a few young rows: 40 ms of each look at a million."""
    count = GrowingCount(processed_message, processed_message.c.outcome)
    _process(engine, 3_000)
    _steps(engine, count)  # the first counts everything
    few = _steps(engine, count)
    _process(engine, 30_000)
    count.recount()
    _steps(engine, count)
    assert _steps(engine, count) <= 1.5 * few
    with engine.connect() as connection:
        assert count.read(connection) == {"applied": 22_000, "duplicate": 11_000}


def _process(engine: Engine, rows: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            processed_message.insert(),
            [
                {
                    "topic": "t",
                    "message_id": str(number),
                    "redelivery_count": 0,
                    "outcome": "duplicate" if number % 3 == 0 else "applied",
                    "consumer": "c",
                    "received_at": utc_now(),
                }
                for number in range(rows)
            ],
        )


def _create(engine: Engine, first: int, rows: int, at: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(
            commission.insert(),
            [
                {
                    "id": f"commission-{number}",
                    "conversion_id": f"conversion-{number}",
                    "affiliate_id": "a",
                    "campaign_id": "c",
                    "gross_amount": 1,
                    "rate": 1,
                    "amount": 1,
                    "currency": "USD",
                    "status": "CALCULATED",
                    "version": 1,
                    "created_at": at,
                    "updated_at": at,
                }
                for number in range(first, first + rows)
            ],
        )


def _newest_update(connection: Connection) -> datetime | None:
    newest: datetime | None = connection.scalar(select(func.max(commission.c.updated_at)))
    return newest


def test_commissions_are_counted_once_however_often_they_change(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, start = CommissionCount(), datetime(2026, 1, 1)
    created = 0
    for minute in range(6):
        now = start + timedelta(minutes=minute)
        monkeypatch.setattr(counting, "utc_now", lambda now=now: now)
        _create(engine, created, 10 + minute, now - timedelta(seconds=1))
        created += 10 + minute
        with engine.begin() as connection:  # an old one changes, and is new to the index of changes
            connection.execute(update(commission).where(commission.c.id == "commission-0").values(updated_at=now))
        with engine.connect() as connection:
            for _ in range(2):
                assert count.read(connection, _newest_update(connection)) == created
    with engine.begin() as connection:
        connection.execute(delete(commission))
        assert count.read(connection, _newest_update(connection)) == 0
    _create(engine, 0, 3, now)
    with engine.connect() as connection:
        assert count.read(connection, _newest_update(connection)) == 3


def test_counting_commissions_takes_the_same_steps_for_many_as_for_few(engine: Engine) -> None:
    count, old = CommissionCount(), utc_now() - timedelta(hours=1)
    _create(engine, 0, 1_000, old)

    def read(connection: Connection) -> int:
        return count.read(connection, _newest_update(connection))

    _steps_of(engine, read)  # the first counts everything
    few = _steps_of(engine, read)
    _create(engine, 1_000, 20_000, old)
    count.recount()
    _steps_of(engine, read)
    assert _steps_of(engine, read) <= few + 5  # a count of all takes hundreds
    with engine.connect() as connection:
        assert read(connection) == 21_000


def test_commissions_that_nobody_changes_are_not_all_counted_again(engine: Engine) -> None:
    count = CommissionCount()
    _create(engine, 0, 10, utc_now() - timedelta(hours=1))
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, text, *_: statements.append(text))
    with engine.connect() as connection:
        newest = _newest_update(connection)
        count.read(connection, newest)
        statements.clear()
        assert count.read(connection, newest) == 10
    assert statements
    assert all("WHERE" in text for text in statements)  # SQLite counts all in one step, which the test above cannot see


def _steps(engine: Engine, count: GrowingCount) -> int:
    return _steps_of(engine, count.read)


def _steps_of(engine: Engine, read: Callable[[Connection], object]) -> int:
    """How many times SQLite came by while it read: once in `STEPS_AT_ONCE` of its virtual machine's steps."""
    steps = 0

    def came_by() -> int:
        nonlocal steps
        steps += 1
        return 0

    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(came_by, STEPS_AT_ONCE)
        try:
            read(connection)
        finally:
            driver.set_progress_handler(None, 0)
    return steps
