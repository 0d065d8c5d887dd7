"""Events out of order are the ones that a comparison of every two events of a commission shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert

from db import ordering
from db.engine import READ, connect
from db.migrate import upgrade
from db.tables import dead_letter, event_timing, notification
from domain.clock import epoch_us
from tests.builders import AT

PLACES = [(commission, version) for commission in ("a", "b") for version in (1, 2, 3)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path: Path = tmp_path_factory.mktemp("order") / "alpes.db"
    engine = connect(f"sqlite:///{path}")
    upgrade(engine)
    yield engine
    engine.dispose()


@how(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.permutations(PLACES),
    st.lists(st.none() | st.integers(1, 9), min_size=len(PLACES), max_size=len(PLACES)),
    st.sets(st.sampled_from(PLACES), max_size=2),
)
def test_every_two_events_of_a_commission_are_compared(
    engine: Engine, order: list[tuple[str, int]], visible_ms: list[int | None], dead: set[tuple[str, int]]
) -> None:
    """`order` is that of `seq`; `visible_ms` are the timestamps, in milliseconds after each transaction began."""
    with engine.begin() as connection:
        for table in (notification, event_timing, dead_letter):
            connection.execute(delete(table))
        for seq, ((commission, version), visible) in enumerate(zip(order, visible_ms, strict=True), 1):
            event_id = f"{commission}{version}"
            values = {"event_id": event_id, "commission_id": commission, "aggregate_version": version, "type": "t"}
            values |= {"seq": seq, "payload": {}, "correlation_id": "run", "consumer": "n", "occurred_at": AT}
            connection.execute(insert(notification).values(**values, notified_at=AT))
            persisted_us = None if visible is None else epoch_us(AT + timedelta(milliseconds=visible))
            connection.execute(insert(event_timing).values(event_id=event_id, persisted_us=persisted_us))
        for commission, version in dead:
            connection.execute(insert(dead_letter).values(**_letter(f"{commission}{version}")))
    alive = [
        (seq, place, ms) for seq, (place, ms) in enumerate(zip(order, visible_ms, strict=True)) if place not in dead
    ]
    expected = {
        f"{commission}{version}"
        for seq, (commission, version), ms in alive
        for later_seq, (later_commission, later_version), later_ms in alive
        if later_commission == commission and later_version > version
        if later_seq < seq or (ms is not None and later_ms is not None and later_ms < ms)
    }
    with engine.connect().execution_options(**READ) as connection:
        assert ordering.notified_out_of_order(connection) == sorted(expected)
        assert ordering.notified_out_of_order(connection, "run") == sorted(expected)
        assert ordering.notified_out_of_order(connection, "other") == []


def _letter(event_id: str) -> dict[str, object]:
    values: dict[str, object] = {"topic": "t", "message_id": event_id, "payload": b"", "properties": {}, "reason": "r"}
    values |= {"detail": "d", "attempts": 1, "event_id": event_id, "dead_lettered_at": AT - timedelta(days=1)}
    return values
