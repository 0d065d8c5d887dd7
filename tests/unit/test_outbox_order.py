"""Test that SQLite refuses an outbox row that the relay would never see, and takes every other one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from db.engine import connect
from db.migrate import upgrade
from db.outbox import OutboxFeed
from db.tables import outbox_event
from tests.builders import record


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('outbox') / 'test.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


def put(engine: Engine, seq: int | None) -> None:
    row = record()
    values = {name: getattr(row, name) for name in row.__slots__ if name != "seq"}
    with engine.begin() as connection:
        connection.execute(insert(outbox_event).values(**values, **({} if seq is None else {"seq": seq})))


@how(max_examples=60)
@given(seqs=st.lists(st.none() | st.integers(-5, 60), max_size=12))
def test_a_reader_that_goes_upward_sees_every_row_that_was_taken(engine: Engine, seqs: list[int | None]) -> None:
    with engine.begin() as connection:
        connection.execute(outbox_event.delete())
        connection.exec_driver_sql("DELETE FROM sqlite_sequence")
    feed, position, seen = OutboxFeed(engine), 0, 0
    for seq in seqs:
        if seq is None or seq > position:
            put(engine, seq)
        else:
            with pytest.raises(IntegrityError, match=r"the next one|UNIQUE"):
                put(engine, seq)
        page = feed.after(position, 100)
        seen += len(page)
        position = page[-1].seq if page else position
    feed.close()
    with engine.connect() as connection:
        assert seen == len(connection.execute(select(outbox_event.c.seq)).all())
