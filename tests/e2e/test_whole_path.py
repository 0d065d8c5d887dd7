"""The seed's script, bad messages and several workers, on running stacks."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal

import pytest

from application import Application
from application.commissions import new_id
from connectors import envelope
from connectors.broker import Broker, Publisher
from db import dead_letter_queries, notification_queries, queries
from db.unit_of_work import SqlUnitOfWork
from domain.changes.calculate import create_commission
from domain.clock import utc_now
from domain.commands import CalculateCommission
from domain.money import Money
from scenarios import end_to_end, replay
from scenarios.reconciliation import reconcile
from scenarios.waiting import until
from settings import Settings
from stacks import dead_letters, lost_offsets, reset, source_control
from stacks.status import status
from tests.builders import record
from tests.fakes import CURRENCIES, SomeCurrencies


def test_calculate_approve_query_two_of_each(stack: Settings) -> None:
    found = end_to_end.run(stack)
    assert (found.ok, found.events, found.notifications, found.audit_lines) == (True, 2, 2, 2)
    assert found.hops_ms["end_to_end"] > 0


def test_every_part_is_well_and_has_its_memory(stack: Settings) -> None:
    found = status(stack)
    assert [part.name for part in found.parts if part.light != "ok"] == []
    assert found.memory_mb > 100


def test_bad_messages_are_dead_lettered_and_good_ones_go_on(stack: Settings) -> None:
    marker = uuid.uuid4().hex
    unknown = record(1, correlation_id=marker, type="CommissionPaid")
    publisher = Publisher(Broker(stack), stack.topics.events)
    bad = [
        f"garbage {marker}".encode(),
        json.dumps({"op": "c", "source": {"table": "commission"}, "m": marker}).encode(),
    ]
    try:
        for value in (*bad, envelope.encode(unknown, 1)[1]):
            publisher.send(value)
    finally:
        publisher.close()
    with Application(stack, pool_size=1) as application:
        sent = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "1.00", "USD", marker))

        def reasons() -> set[str]:
            with application.reading() as connection:
                return {
                    row.reason
                    for row in dead_letter_queries.dead_letters(connection, 500)
                    if marker.encode() in row.payload
                }

        def notified() -> set[str]:
            with application.reading() as connection:
                return notification_queries.notification_ids(connection, marker)

        until(lambda: reasons() == {"not_an_envelope", "another_table", "unknown_event"}, 20, "dead letters")
        until(lambda: notified() == set(sent.event_ids), 20, "the good one notified")


def test_a_dead_letter_can_be_sent_again(embedded: Settings) -> None:
    broken = record(1, correlation_id=uuid.uuid4().hex, type="CommissionPaid")
    publisher = Publisher(Broker(embedded), embedded.topics.events)
    publisher.send(envelope.encode(broken, 1)[1])
    publisher.close()
    with Application(embedded, pool_size=1) as application:

        def letters() -> list[dead_letter_queries.DeadLetterRow]:
            with application.reading() as connection:
                return [
                    row
                    for row in dead_letter_queries.dead_letters(connection, 500)
                    if row.payload.find(broken.id.encode()) >= 0
                ]

        until(lambda: len(letters()) == 1, 20, "dead-lettered")
        dead_letters.requeue(embedded, [letters()[0].seq])
        until(lambda: len(letters()) == 2, 20, "dead-lettered again, by way of the retry topic")
        assert {row.topic for row in letters()} == {embedded.topics.events, embedded.topics.retry}
        assert sum(1 for row in letters() if row.requeued_at) == 1


def test_a_command_that_was_corrected_takes_effect(embedded: Settings) -> None:
    conversion = str(uuid.uuid4())
    body = {
        "command": "calculate",
        "conversionId": conversion,
        "affiliateId": "a",
        "campaignId": "c",
        "currency": "USD",
    }
    publisher = Publisher(Broker(embedded), embedded.topics.commands)
    publisher.send(json.dumps(body).encode())
    publisher.close()
    with Application(embedded, pool_size=1) as application:

        def find_letters() -> list[dead_letter_queries.DeadLetterRow]:
            with application.reading() as connection:
                rows = dead_letter_queries.dead_letters(connection, 500)
            return [row for row in rows if conversion.encode() in row.payload]

        until(lambda: len(find_letters()) == 1, 20, "dead-lettered, because it has no amount")
        (letter,) = find_letters()
        dead_letters.send_edited(embedded, letter.seq, json.dumps({**body, "grossAmount": 120.5}).encode())

        def is_calculated() -> bool:
            with application.reading() as connection:
                return queries.commission_by_conversion(connection, conversion) is not None

        until(is_calculated, 20, "the corrected command took effect")
        assert [row.requeued_at is not None for row in find_letters()] == [True]


def test_commands_from_the_topic_reach_the_same_handlers(stack: Settings) -> None:
    conversion, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    body = {
        "command": "calculate",
        "conversionId": conversion,
        "affiliateId": "aff-1",
        "campaignId": "cmp-1",
        "grossAmount": 120.5,
        "currency": "USD",
        "correlationId": correlation,
    }
    publisher = Publisher(Broker(stack), stack.topics.commands)
    for _ in range(2):
        publisher.send(json.dumps(body).encode())
    publisher.close()
    with Application(stack, pool_size=1) as application:
        until(lambda: reconcile(application, stack, correlation).audited == 1, 20, "one notification of two commands")
        with application.reading() as connection:
            found = queries.commission_by_conversion(connection, conversion)
        assert found is not None
        assert str(found.amount) == "12.05"


def test_a_replay_is_absorbed(stack: Settings) -> None:
    end_to_end.run(stack)
    found = replay.replay(stack)
    assert found.ok
    assert found.new_notifications == 0
    assert found.distinct_events >= found.expected >= 2


def test_several_workers_keep_each_commissions_order() -> None:
    from tests.e2e.load import Load

    with end_to_end.running("embedded", private=True, workers=3) as settings:
        with Load(settings) as load:
            load.wait_for_more(300)
            found = load.finish()
        assert found.out_of_order == ()
        assert found.committed == found.notified >= 300
        with Application(settings, pool_size=1) as application, application.reading() as connection:
            consumers = {row.consumer for row in notification_queries.recent_notifications(connection, 1000)}
        assert len(consumers) > 1


def test_reset_empties_every_source_in_step() -> None:
    with end_to_end.running("embedded", private=True) as settings:
        end_to_end.run(settings)
        removed = reset.reset(settings, lambda _: None)
        assert removed["outbox_event"] == 2
        with Application(settings, pool_size=1) as application:
            until(lambda: reconcile(application, settings).complete, 10, "all empty")
            assert reconcile(application, settings).committed == 0
        assert end_to_end.run(settings).ok


@pytest.mark.native
def test_the_source_goes_on_where_it_was_after_restart_and_delete(native_stack: Settings) -> None:
    with Application(native_stack, pool_size=1) as application:
        correlation = str(uuid.uuid4())

        def send() -> None:
            application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "1.00", "USD", correlation))

        for actions in (("restart",), ("delete", "create")):
            for action in actions:
                source_control.run_action(native_stack, action)  # type: ignore[arg-type]
                send()
            until(
                lambda: reconcile(application, native_stack, correlation).complete,
                150,
                f"captured after {actions}",
                0.2,
            )
        found = reconcile(application, native_stack, correlation)
        assert found.committed == found.notified == 3


@pytest.mark.native
def test_a_stopped_source_stays_stopped_until_it_is_started(native_stack: Settings) -> None:
    source_control.run_action(native_stack, "stop")
    try:
        until(lambda: not source_control.read_report(native_stack).running, 20, "stopped")
        assert source_control.read_report(native_stack).intent == "stopped"
    finally:
        source_control.run_action(native_stack, "start")
    assert end_to_end.run(native_stack, deadline_s=150).ok


@pytest.mark.native
def test_a_source_deleted_behind_our_back_is_made_again(native_stack: Settings) -> None:
    from connectors.admin import Admin
    from settings import SOURCE_NAME

    with Admin(native_stack) as admin:
        admin.delete_source(SOURCE_NAME)
    assert end_to_end.run(native_stack, deadline_s=150).ok


MORE_THAN_A_QUEUE = 12_000
"""Debezium's queue holds 8,192 records: with more to read again it is full."""


@pytest.mark.native
@pytest.mark.breadth
def test_a_source_that_reads_everything_again_can_be_restarted_meanwhile(native_stack: Settings) -> None:
    correlation = str(uuid.uuid4())
    with Application(native_stack, pool_size=1) as application:
        _commit_at_once(application, MORE_THAN_A_QUEUE, correlation)
        until(lambda: reconcile(application, native_stack, correlation).complete, 120, "all are notified of", 0.5)
    lost_offsets.lose(native_stack)
    until(lambda: source_control.read_report(native_stack).written > 500, 60, "it reads again from the start")
    source_control.run_action(native_stack, "restart")
    until(lambda: _reads(native_stack), 45, "the next instance reads; one that hangs on its queue takes 90 s", 0.5)
    assert end_to_end.run(native_stack, deadline_s=150).ok
    with Application(native_stack, pool_size=1) as application:
        found = reconcile(application, native_stack, correlation)
    assert (found.notified, found.doubled) == (MORE_THAN_A_QUEUE, ())


def _reads(settings: Settings) -> bool:
    report = source_control.read_report(settings)
    return report.running and report.written > 0


def _commit_at_once(application: Application, count: int, correlation: str) -> None:
    with SqlUnitOfWork(application.engine, SomeCurrencies(), new_id, lambda *_: None) as uow:
        gross = Money(Decimal("10.00"), CURRENCIES["USD"])
        for _ in range(count):
            commission = create_commission(
                commission_id=new_id(),
                conversion_id=new_id(),
                affiliate_id="aff-1",
                campaign_id="cmp-1",
                gross=gross,
                rate=Decimal("0.10"),
                now=utc_now(),
            )
            uow.commissions.add(commission)
        uow.commit(correlation, None)
