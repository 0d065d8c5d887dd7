"""Test that no row and no back-up can take the numbers that later rows need."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.exc import IntegrityError

from db import rows
from db.backup_values import Unfit
from db.engine import connect
from db.migrate import upgrade
from db.sequence import LARGEST_JUMP, check_sequence
from db.tables import metadata, outbox_event, relay_checkpoint


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'a.db'}")
    upgrade(engine)
    return engine


def add(connection: Connection, seq: int | None = None) -> int:
    values = {
        "id": str(uuid.uuid4()),
        "aggregate_type": "commission",
        "aggregate_id": str(uuid.uuid4()),
        "aggregate_version": 1,
        "type": "CommissionCalculated",
        "version": 1,
        "payload": {},
        "correlation_id": "x",
        "occurred_at": datetime(2026, 1, 1),
    } | ({} if seq is None else {"seq": seq})
    inserted = connection.execute(insert(outbox_event).values(**values)).inserted_primary_key
    assert inserted is not None
    return int(inserted[0])


@pytest.mark.parametrize("seq", [2**63 - 1, 2**62, LARGEST_JUMP + 2, 0, -1, -(2**63)])
def test_a_row_that_leaves_no_number_for_the_next_one_is_refused(engine: Engine, seq: int) -> None:
    with engine.begin() as connection:
        first = add(connection)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        add(connection, seq)
    with engine.begin() as connection:
        assert add(connection) == first + 1


def test_a_gap_is_accepted_and_the_next_row_follows_it(engine: Engine) -> None:
    with engine.begin() as connection:
        assert add(connection, 1_000_000) == 1_000_000
        assert add(connection) == 1_000_001


@pytest.fixture
def staging(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'staging.db'}")
    metadata.create_all(engine)
    return engine


@pytest.mark.parametrize("seqs", [[0], [-3, 1], [1, 2**63 - 1], [1, 2, 2**60]])
def test_a_back_up_with_such_rows_is_refused(staging: Engine, seqs: list[int]) -> None:
    with staging.begin() as connection:
        for seq in seqs:
            add(connection, seq)
        with pytest.raises(Unfit, match="outbox_event, column seq"):
            check_sequence(connection)


@pytest.mark.parametrize("checkpoint", [-1, 2**62, 2**63 - 1])
def test_a_checkpoint_out_of_range_is_refused(staging: Engine, checkpoint: int) -> None:
    with staging.begin() as connection:
        add(connection, 5)
        set_checkpoint(connection, checkpoint)
        with pytest.raises(Unfit, match="relay_checkpoint"):
            check_sequence(connection)


def test_the_next_row_comes_after_the_checkpoint(engine: Engine) -> None:
    """Otherwise the relay would never publish it."""
    with engine.begin() as connection:
        add(connection, 5)
        set_checkpoint(connection, 2**40)
        check_sequence(connection)
        rows.continue_sequences(connection)
    with engine.begin() as connection:
        assert add(connection) == 2**40 + 1


def set_checkpoint(connection: Connection, seq: int) -> None:
    connection.execute(text("DELETE FROM relay_checkpoint"))
    connection.execute(insert(relay_checkpoint).values(name="relay", seq=seq, updated_at=datetime(2026, 1, 1)))
