"""A backlog is made of commissions with their outbox rows, as commands would write them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from application import Application
from db.fitting import check_outbox_row, check_row
from db.outbox import OutboxFeed
from db.tables import commission, metadata, outbox_event
from domain.outbox import OutboxRecord
from scenarios.bulk_rows import commit_commissions, make_rows
from settings import Settings


def test_rows_of_a_backlog_keep_the_contract_and_are_there_in_pairs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'backlog.db'}"
    with Application(Settings(home=tmp_path, database_url=url), pool_size=1) as application:
        metadata.create_all(application.engine)
        event_ids = commit_commissions(application, "run-1", 1500)  # more than one transaction
        feed = OutboxFeed(application.engine)
        records = feed.after(0, 2000)
        feed.close()
        with application.reading() as connection:
            states = set(connection.scalars(select(commission.c.id)))
    assert len(records) == 1500
    assert [record.id for record in records] == event_ids
    assert all(isinstance(record, OutboxRecord) for record in records)
    assert {record.aggregate_id for record in records if isinstance(record, OutboxRecord)} == states


def test_a_row_of_a_backlog_is_one_that_a_command_could_write() -> None:
    state, row = make_rows("run-1")
    check_row(commission, state)
    check_outbox_row(outbox_event, row)
