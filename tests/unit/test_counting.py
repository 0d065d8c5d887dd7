"""Test that the cost of a count does not grow with the table. SQLite reports its steps, so no clock is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from db.counting import GrowingCount
from db.engine import connect
from db.tables import metadata, processed_message
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


def _steps(engine: Engine, count: GrowingCount) -> int:
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
            count.read(connection)
        finally:
            driver.set_progress_handler(None, 0)
    return steps
