"""Test on SQLite and MySQL what the rest of the system relies on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, delete, insert, text

from application import Application
from db import dead_letter_queries, notification_queries, ordering, queries
from db.engine import READ
from db.hops import HopRecorder, Timing
from db.migrate import upgrade
from db.tables import dead_letter, metadata, notification, outbox_event, pruned_event
from domain.commands import ApproveCommission, CalculateCommission
from domain.errors import DuplicateConversion
from domain.outbox import OutboxRecord
from domain.ports import UnitOfWork
from scenarios import properties
from settings import Settings
from tests.builders import AT, delivery, record
from tests.instances import Instance
from workers.inbox import Effect, Inbox


@pytest.fixture
def application(database_url: str, tmp_path: Path) -> Iterator[Application]:
    with Application(Settings(home=tmp_path, stack="external", database_url=database_url), pool_size=8) as application:
        yield application


def calculate(conversion: str, gross: str = "120.50", currency: str = "USD") -> CalculateCommission:
    return CalculateCommission(conversion, "aff-1", "cmp-1", gross, currency, "run-1")


def counts(application: Application) -> tuple[int, int]:
    with application.reading() as connection:
        return len(queries.recent_commissions(connection, 1000)), queries.count_outbox(connection)


def test_state_and_outbox_row_are_written_together(application: Application) -> None:
    result = application.send(calculate("conv-1"))
    with application.reading() as connection:
        commission = queries.commission_by_conversion(connection, "conv-1")
        (row,) = queries.recent_outbox(connection)
    assert commission is not None
    assert (commission.id, row.aggregate_id, row.id) == (
        result.commission_id,
        result.commission_id,
        result.event_ids[0],
    )
    assert row.payload["amount"] == "12.05"
    assert commission.created_at == row.occurred_at
    assert commission.created_at.microsecond % 1000 != 0 or commission.updated_at.microsecond % 1000 == 0


def test_a_failure_between_state_and_outbox_leaves_neither(application: Application) -> None:
    application.send(calculate("conv-1"))
    with application.reading() as connection:
        taken = queries.recent_outbox(connection)[0].id
    application._mediator._new_unit_of_work = _always(taken, application)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        application.send(calculate("conv-2"))
    assert counts(application) == (1, 1)


def _always(
    event_id: str, application: Application
) -> Callable[[], UnitOfWork]:  # the outbox row's id is taken: it fails
    from db.currencies import IsoCurrencies
    from db.unit_of_work import SqlUnitOfWork

    return lambda: SqlUnitOfWork(application.engine, IsoCurrencies(), lambda: event_id, lambda ids, at: None)


def test_one_conversion_has_one_commission_whoever_is_quicker(application: Application) -> None:
    barrier = threading.Barrier(8)

    def send(_number: int) -> str:
        barrier.wait()
        try:
            return application.send(calculate("conv-1")).commission_id
        except DuplicateConversion as refused:
            return refused.commission_id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(send, range(8)))
    assert len(ids) == 1
    assert counts(application) == (1, 1)


def test_concurrent_approvals_write_one_event(application: Application) -> None:
    commission = application.send(calculate("conv-1")).commission_id
    barrier = threading.Barrier(8)

    def send(_number: int) -> bool:
        barrier.wait()
        return application.send(ApproveCommission(commission)).changed

    with ThreadPoolExecutor(8) as pool:
        changed = list(pool.map(send, range(8)))
    assert changed.count(True) == 1
    assert counts(application) == (1, 2)


@pytest.mark.parametrize(
    ("gross", "currency", "amount"),
    [
        ("999999999999999", "USD", "99999999999999.90"),
        ("0.05", "USD", "0.01"),
        ("15", "JPY", "2"),
        ("1.005", "KWD", "0.101"),
    ],
)
def test_amounts_are_exact(application: Application, gross: str, currency: str, amount: str) -> None:
    application.send(calculate("conv-1", gross, currency))
    with application.reading() as connection:
        found = queries.commission_by_conversion(connection, "conv-1")
    assert found is not None
    assert (found.gross_amount, str(found.amount), found.rate) == (Decimal(gross), amount, Decimal("0.1"))


def test_ids_are_compared_byte_by_byte(application: Application) -> None:
    application.send(calculate("conv-a"))
    application.send(calculate("CONV-A"))
    assert counts(application) == (2, 2)


def test_the_migrations_make_what_the_tables_say(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    upgrade(engine)  # again changes nothing


def test_the_inbox_makes_each_effect_once_and_counts_every_delivery(engine: Engine) -> None:
    one, two = record(1), record(2)
    inbox = Inbox(engine, "test")
    assert inbox.apply([Effect(delivery(one, 1), one, 0), Effect(delivery(one, 2), one, 0)], []) == {one.id}
    assert inbox.apply([Effect(delivery(one, 3), one, 0), Effect(delivery(two, 4), two, 0)], [delivery(b"", 5)]) == {
        two.id
    }
    inbox.record_dead_letter(delivery(b"x", 6), None, "not_an_envelope", "why", 1)
    inbox.record_dead_letter(delivery(b"x", 6), None, "not_an_envelope", "why", 1)
    inbox.close()
    with engine.connect().execution_options(**READ) as connection:
        assert notification_queries.notification_ids(connection) == {one.id, two.id}
        assert queries.count_deliveries(connection) == queries.Deliveries(
            applied=2, duplicate=2, skipped=1, dead_lettered=2
        )
        (dead,) = dead_letter_queries.dead_letters(connection)
        assert (dead.payload, dead.reason, dead.detail) == (b"x", "not_an_envelope", "why")


def test_notified_events_whose_row_was_deleted_are_counted_as_committed(application: Application) -> None:
    calculated = [application.send(calculate(f"conv-{n}")) for n in range(3)]
    application.send(ApproveCommission(calculated[0].commission_id, "run-1"))
    with application.reading() as connection:
        rows = queries.recent_outbox(connection)
    events = [record(row.seq, row.aggregate_id, row.aggregate_version, id=row.id) for row in rows]
    never_committed = [
        record(90),  # of no commission
        record(91, calculated[1].commission_id, 2),  # of a version that its commission does not have
        record(92, calculated[0].commission_id, 1),  # of a version that has a row, or was another event's
    ]
    inbox = Inbox(application.engine, "test")
    inbox.apply([Effect(delivery(event, event.seq), event, 0) for event in (*events, *never_committed)], [])
    inbox.close()

    def count() -> int:
        with application.reading() as connection:
            return notification_queries.count_without_row(connection)

    assert count() == 0
    deleted = [event for event in events if event.aggregate_id == calculated[0].commission_id]
    with application.engine.begin() as connection:
        for event in deleted:
            connection.execute(delete(outbox_event).where(outbox_event.c.id == event.id))
    assert count() == len(deleted) == 2
    first = next(event for event in deleted if event.aggregate_version == 2)
    values = {"event_id": first.id, "seq": first.seq, "correlation_id": "run-1", "occurred_at": AT, "pruned_at": AT}
    with application.engine.begin() as connection:
        connection.execute(insert(pruned_event).values(**values))
    assert count() == 1


def test_two_workers_at_once_make_one_effect(engine: Engine) -> None:
    events = [record(seq) for seq in range(1, 21)]
    barrier = threading.Barrier(2)

    def work(name: str) -> int:
        inbox = Inbox(engine, name)
        barrier.wait()
        made = 0
        for event in events:
            made += len(inbox.apply([Effect(delivery(event, event.seq), event, 0)], []))
        inbox.close()
        return made

    with ThreadPoolExecutor(2) as pool:
        made = sum(pool.map(work, ["one", "two"]))
    with engine.connect().execution_options(**READ) as connection:
        assert (made, notification_queries.count_notifications(connection)) == (20, 20)
        assert queries.count_deliveries(connection).total == 40


def test_events_persisted_out_of_order_are_found(engine: Engine) -> None:
    with engine.begin() as connection:
        for event_id, version in (("e-2", 2), ("e-1", 1), ("e-3", 3)):
            connection.execute(
                insert(notification).values(
                    event_id=event_id,
                    commission_id="c-1",
                    aggregate_version=version,
                    type="x",
                    payload={},
                    correlation_id="run",
                    consumer="test",
                    occurred_at=AT,
                    notified_at=AT,
                )
            )
    with engine.connect().execution_options(**READ) as connection:
        assert ordering.notified_out_of_order(connection) == ["e-1"]
        assert ordering.notified_out_of_order(connection, "other") == []


def test_the_history_of_a_run_is_read_and_sound(database_url: str, tmp_path: Path) -> None:
    instance = Instance(tmp_path, database_url)
    for run_id in ("run-1", "run-2"):
        calculated = instance.send(run_id, calculate(f"{run_id}-conversion"))
        instance.send(run_id, ApproveCommission(calculated.commission_id))
    with instance.application.reading() as connection:
        rows = [row for run_id in ("run-1", "run-2") for row in queries.outbox_of_correlation(connection, run_id)]
    instance.pass_rows([_to_record(row) for row in rows])
    letter = {"topic": "events", "message_id": "m", "payload": b"garbage of run-2", "properties": {}, "attempts": 1}
    instance.insert(dead_letter, {**letter, "reason": "bad_row", "detail": "why", "dead_lettered_at": AT})
    histories = {run_id: instance.history(run_id) for run_id in ("run-1", "run-2")}
    instance.close()
    broken = {
        run_id: {name for name, finding in properties.judge(history).items() if not finding.holds}
        for run_id, history in histories.items()
    }
    assert broken == {"run-1": set(), "run-2": {"no_dead_letter", "dead_letters_in_topic_and_table"}}
    assert [len(history.outbox) for history in histories.values()] == [2, 2]
    assert [len(history.deliveries) for history in histories.values()] == [2, 3]


def _to_record(row: queries.OutboxRow) -> OutboxRecord:
    values = {name: getattr(row, name) for name in row.__slots__ if name != "payload"}
    return OutboxRecord(**values, aggregate_type="commission", payload=json.dumps(row.payload), traceparent=None)


def test_the_first_measurement_of_a_hop_stands(engine: Engine) -> None:
    recorder = HopRecorder(engine)
    recorder.add([Timing("e-1", received_us=10)])
    recorder.add([Timing("e-1", received_us=20, persisted_us=30)])
    recorder.close()
    with engine.connect().execution_options(**READ) as connection:
        assert queries.read_hop_times(connection, ["e-1"]) == {"e-1": {"received": 10, "persisted": 30}}


def test_times_keep_their_microseconds(engine: Engine) -> None:
    inbox = Inbox(engine, "test")
    one = record(1)
    inbox.apply([Effect(delivery(one, 1), one, 0)], [])
    inbox.close()
    with engine.connect().execution_options(**READ) as connection:
        (row,) = notification_queries.recent_notifications(connection)
        assert row.occurred_at == AT
        assert connection.scalar(text("SELECT COUNT(*) FROM notification")) == 1
