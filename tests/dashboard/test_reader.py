"""The shared reader of the database: what changed, counted once, on both kinds of it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import delete, event, insert, select

from application import Application
from dashboard.view_models import reconciling, tracing
from dashboard.view_models.database_reader import DatabaseReader
from dashboard.view_models.load import Load
from dashboard.view_models.refresher import Refresher
from db import lookups, notification_queries, queries
from db.counting import GrowingCount
from db.migrate import upgrade
from db.tables import notification, outbox_event
from domain.clock import utc_now
from domain.commands import ApproveCommission, CalculateCommission
from scenarios import end_to_end
from scenarios.waiting import until
from settings import Settings
from tests.builders import delivery, record
from workers.inbox import Effect, Inbox


def calculate(application: Application) -> tuple[str, str]:
    """Ids of commission and event."""
    result = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "120.50", "USD"))
    return result.commission_id, result.event_ids[0]


def test_the_reader_follows_and_repeats_nothing_unchanged(stack: Settings) -> None:
    with Application(stack, pool_size=2) as application:
        commission_id, event_id = calculate(application)
        reader = DatabaseReader(application)

        def arrived() -> bool:
            reader.step((event_id,))
            last = next((one for one in reader.state.timed if one.event_id == event_id), None)
            return last is not None and last.end_to_end_ms is not None and reader.state.deliveries_of.get(event_id) == 1

        until(arrived, 20, "the event and its times")
        with application.reading() as connection:
            assert reader.state.committed == queries.count_outbox(connection)
            assert reader.state.notified == notification_queries.count_notifications(connection)
        assert reader.state.outbox[0].aggregate_id == commission_id
        statements: list[str] = []
        event.listen(application.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        until(lambda: not _read(reader, event_id, statements), 10, "a look that reads nothing but whether it changed")


def _read(reader: DatabaseReader, event_id: str, statements: list[str]) -> bool:
    statements.clear()
    reader.step((event_id,))
    return len([statement for statement in statements if statement.startswith("SELECT")]) > 1


def test_what_is_shown_while_events_come_never_contradicts_itself(stack: Settings) -> None:
    """Each source is read at a moment of its own: as read, one look in two had more audited than committed."""
    with Application(stack, pool_size=4) as application:
        refresher, steady = Refresher(stack, application), reconciling.Steady()
        refresher.start()
        load = Load(application)
        load.start(150, 50)
        seen: list[tuple[int, ...]] = []
        try:
            until(lambda: _looked(refresher, steady, seen) and load.progress.state == "done", 30, "the load to end")
            until(lambda: steady.look(refresher.database, refresher.feed).counts.equal, 30, "all of it everywhere")
        finally:
            load.cancel()
            refresher.close()
    assert all(counts == tuple(sorted(counts, reverse=True)) for counts in seen)
    assert seen == sorted(seen)


def _looked(refresher: Refresher, steady: reconciling.Steady, seen: list[tuple[int, ...]]) -> bool:
    refresher.look()
    counts = steady.look(refresher.database, refresher.feed).counts
    found = (counts.committed, counts.published, counts.notified, counts.audited)
    if None not in found:
        seen.append(cast(tuple[int, ...], found))
    return bool(seen)


def test_counts_by_increments_equal_a_count_of_all(stack: Settings) -> None:
    with Application(stack, pool_size=2) as application:
        committed = GrowingCount(outbox_event)
        for _ in range(3):
            calculate(application)
            with application.reading() as connection:
                assert committed.read(connection)[None] == queries.count_outbox(connection)


@pytest.mark.native
def test_deleted_rows_are_no_difference_once_they_are_counted(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, stack="external", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    with Application(settings, pool_size=2) as application:
        upgrade(application.engine)
        for _ in range(3):
            calculate(application)
        with application.engine.begin() as connection:
            rows = [dict(row) for row in connection.execute(select(outbox_event)).mappings()]
        events = [record(row["seq"], row["aggregate_id"], row["aggregate_version"], id=row["id"]) for row in rows]
        inbox = Inbox(application.engine, "test")
        inbox.apply([Effect(delivery(each, each.seq), each, 0) for each in events], [])
        inbox.close()
        reader = DatabaseReader(application)
        reader.step(())
        assert (reader.state.committed, reader.state.notified, reader.state.row_deleted) == (3, 3, 0)
        with application.engine.begin() as connection:
            connection.execute(delete(outbox_event).where(outbox_event.c.seq > 1))
        for _ in range(2):  # the count stays until it is doubted again
            reader.doubt()
            reader.step(())
            assert (reader.state.committed, reader.state.notified, reader.state.row_deleted) == (3, 3, 2)
        with application.engine.begin() as connection:
            connection.execute(insert(outbox_event), rows[1:])
        reader.doubt()
        reader.step(())
        assert (reader.state.committed, reader.state.row_deleted) == (3, 0)


@pytest.mark.native
def test_a_lower_number_that_commits_later_is_counted(native_stack: Settings) -> None:
    """SQLite has one writer at a time; on MySQL the number is given at the insert, and seen at the commit."""
    with Application(native_stack, pool_size=4) as application:
        count = GrowingCount(outbox_event)
        early = application.engine.connect()
        early.begin()
        early.execute(outbox_event.insert(), _row())
        calculate(application)
        with application.reading() as connection:
            before = count.read(connection)[None]
        early.commit()
        early.close()
        with application.reading() as connection:
            assert count.read(connection)[None] == before + 1 == queries.count_outbox(connection)


def _row() -> dict[str, object]:
    commission_id = str(uuid.uuid4())
    return {
        "id": str(uuid.uuid4()),
        "aggregate_type": "commission",
        "aggregate_id": commission_id,
        "aggregate_version": 1,
        "type": "CommissionCalculated",
        "version": 1,
        "payload": {"commissionId": commission_id},
        "correlation_id": "late",
        "occurred_at": utc_now(),
    }


def test_one_events_whole_way_is_found_by_each_of_its_ids(stack: Settings) -> None:
    with Application(stack, pool_size=2) as application:
        conversion, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        first = application.send(CalculateCommission(conversion, "aff-1", "cmp-1", "120.50", "USD", correlation))
        second = application.send(ApproveCommission(first.commission_id, correlation))
        found = tracing.find(application, first.event_ids[0])
        assert (found.kind, [row.id for row in found.events]) == ("event", [first.event_ids[0]])
        both = [second.event_ids[0], first.event_ids[0]]
        for kind, wanted in (
            ("commission", first.commission_id),
            ("conversion", conversion),
            ("correlation", correlation),
        ):
            found = tracing.find(application, f" {wanted} ")
            assert (found.kind, [row.id for row in found.events]) == (kind, both)
        assert tracing.find(application, "nothing").kind == "nothing"
        assert tracing.find(application, first.commission_id[-8:]).kind == "commission"  # as tables show it
        assert tracing.find(application, first.event_ids[0][-8:]).kind == "event"
        assert tracing.find(application, first.event_ids[0][:3]).kind == "nothing"  # of many
        row = found.events[1]

        def whole() -> bool:
            trace = tracing.read(application, stack, row)
            return bool(trace.total_ms is not None and trace.audit_line and trace.messages and len(trace.steps) == 5)

        until(whole, 20, "every step of the trace")
        trace = tracing.read(application, stack, row)
        assert trace.commission is not None
        assert trace.commission.status == "APPROVED"
        assert [delivery.outcome for delivery in trace.deliveries] == ["applied"]


def test_ids_that_are_missing_are_named() -> None:
    with (
        end_to_end.running("embedded", private=True) as embedded,  # it loses one for good
        Application(embedded, pool_size=2) as application,
    ):
        _commission, event_id = calculate(application)

        def nothing() -> bool:
            found = reconciling.missing(application, embedded)
            return found == reconciling.Missing()

        until(nothing, 20, "everything everywhere")
        with application.reading() as connection:
            assert event_id in lookups.read_newest_notified(connection, 10)
        with application.engine.begin() as connection:
            connection.execute(notification.delete().where(notification.c.event_id == event_id))
        assert reconciling.missing(application, embedded).not_notified == (event_id,)
