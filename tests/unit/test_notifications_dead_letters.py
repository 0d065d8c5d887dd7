"""Test which messages the notifications worker dead-letters, and that none of them stops it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from connectors import envelope
from connectors.broker import Received
from connectors.sending import MessageRefused
from db import queries
from db.error_codes import Kind
from db.errors import DatabaseUnavailable
from domain import contract
from domain.outbox import OutboxRecord
from tests.builders import delivery, record
from tests.unit.notifications_run import Run, fails_first, raising
from workers.inbox import Effect
from workers.policy import MAX_ATTEMPTS

pytestmark = pytest.mark.usefixtures("no_backoff")


def test_messages_that_are_no_events_are_dead_lettered_and_the_others_continue(engine: Engine) -> None:
    good = record(9)
    bad = {
        "not_an_envelope": delivery(b"garbage", 1),
        "another_table": delivery(b'{"op":"c","source":{"table":"x"}}', 2),
        "unknown_event": delivery(record(1, type="CommissionPaid"), 3),
        "bad_payload": delivery(record(3, payload="[]"), 5),
    }
    old = json.loads(envelope.encode(record(2), 1)[1])
    old["after"]["version"] = 2
    bad["unknown_version"] = delivery(json.dumps(old).encode(), 4)
    run = Run(engine, [*bad.values(), delivery(good, 6)]).steps()
    assert run.notified() == [good.id]
    assert {row.reason for row in run.dead()} == set(bad)
    assert {properties["alpes-reason"] for _, _, properties in run.outlet.sent} == set(bad)
    assert len(run.inlet.acknowledged) == 6
    assert run.deliveries() == queries.Deliveries(applied=1, dead_lettered=5)


def test_an_event_that_always_fails_is_dead_lettered_and_its_commission_continues(engine: Engine) -> None:
    one, two = record(1, "c-1"), record(2, "c-1", version=2)
    attempts: list[str] = []

    def check(event: OutboxRecord) -> None:
        if event.id == one.id:
            attempts.append(event.id)
            raise RuntimeError("never")

    run = Run(engine, [delivery(one, 1), delivery(two, 2)], check=check).steps(MAX_ATTEMPTS + 1)
    assert len(attempts) == MAX_ATTEMPTS
    assert run.notified() == [two.id]
    (dead,) = run.dead()
    assert (dead.reason, dead.event_id, dead.attempts) == ("failed_too_often", one.id, MAX_ATTEMPTS)
    assert "never" in dead.detail


def test_a_message_is_acknowledged_only_after_its_dead_letter_was_published(engine: Engine) -> None:
    run = Run(engine, [delivery(b"garbage", 1)])
    run.outlet.failures = 3
    run.steps()
    assert len(run.outlet.sent) == 1
    assert run.inlet.acknowledged == ["(7,1,-1,-1)"]


def test_a_dead_letter_is_published_once_while_the_database_is_unavailable(engine: Engine) -> None:
    run = Run(engine, [delivery(b"garbage", 1)])
    for name in ("record_dead_letter", "mark_published"):
        fails_first(run.inbox, name, 20)
    run.outlet.failures = 5
    run.steps()
    assert len(run.outlet.sent) == 1
    assert [row.reason for row in run.dead()] == ["not_an_envelope"]
    assert run.deliveries() == queries.Deliveries(dead_lettered=1)
    assert run.inlet.acknowledged == ["(7,1,-1,-1)"]


@pytest.mark.parametrize("ended_before", ["send", "mark_published", "acknowledge"])
def test_an_interrupted_dead_letter_is_completed(engine: Engine, ended_before: str) -> None:
    message = delivery(b"garbage", 1)
    first = Run(engine, [message])
    target = {"send": first.outlet, "mark_published": first.inbox, "acknowledge": first.inlet}[ended_before]
    setattr(target, ended_before, raising(SystemExit))
    with pytest.raises(SystemExit):
        first.steps()
    first.inbox.close()
    again = Run(engine, [message]).steps()
    assert len(again.dead()) == 1
    sent = len(first.outlet.sent) + len(again.outlet.sent)
    assert sent == (2 if ended_before == "mark_published" else 1)  # the broker has no transaction with the database
    assert again.inlet.acknowledged == [message.message_id]


def test_a_message_too_large_to_publish_is_dead_lettered_without_its_body(engine: Engine) -> None:
    run = Run(engine, [delivery(b"garbage", 1)])
    send = run.outlet.send

    def limited(value: bytes, key: str | None = None, properties: dict[str, str] | None = None) -> str:
        if value:
            raise MessageRefused("too big")
        return send(value, key, properties)

    run.outlet.send = limited  # type: ignore[method-assign, assignment]
    run.steps()
    ((value, _key, properties),) = run.outlet.sent
    assert (value, properties["alpes-omitted"]) == (b"", "7 bytes, see the row of this dead letter")
    assert [row.payload for row in run.dead()] == [b"garbage"]


def test_a_dead_letter_that_the_database_refuses_is_stored_without_key_and_properties(engine: Engine) -> None:
    hostile = replace(delivery(b"garbage", 1), key="\ud800", properties={"a": "\udfff"})
    run = Run(engine, [hostile]).steps()
    assert [(row.payload, row.properties, row.message_key) for row in run.dead()] == [(b"garbage", {}, None)]
    assert len(run.outlet.sent) == 1


def test_payloads_of_any_depth_are_notified_or_dead_lettered(engine: Engine) -> None:
    """The reader and the writer have different limits of nesting; neither limit may end the worker."""
    events = [
        record(depth, f"c-{depth}", payload=f'{{"commissionId": "c-{depth}", "x": {"[" * depth}{"]" * depth}}}')
        for depth in [*range(1, 900, 100), *range(900, 1010)]
    ]
    run = Run(engine, [delivery(event, event.seq) for event in events]).steps(2)
    assert len(run.notified()) + len(run.dead()) == len(events)
    assert {row.reason for row in run.dead()} <= {"bad_payload", "bad_data"}
    assert len(set(run.inlet.acknowledged)) == len(events)


def test_skipped_messages_whose_rows_cannot_be_written_are_dead_lettered(engine: Engine) -> None:
    run = Run(engine, [delivery(b"", 1), delivery(b"", 2)])
    run.inbox.apply = raising(RuntimeError)  # type: ignore[method-assign]
    run.steps()
    assert [row.reason for row in run.dead()] == ["failed_too_often"] * 2


def test_a_message_that_repeatedly_loses_the_connection_is_dead_lettered(engine: Engine) -> None:
    events = [record(1), record(2)]
    run = Run(engine, [delivery(event, event.seq) for event in events])
    apply = run.inbox.apply

    def losing(effects: list[Effect], skipped: list[Received]) -> set[str]:
        if any(effect.record.id == events[0].id for effect in effects):
            raise DatabaseUnavailable("gone away", Kind.LOST)
        return apply(effects, skipped)

    run.inbox.apply = losing  # type: ignore[method-assign, assignment]
    run.steps(MAX_ATTEMPTS + 1)
    assert run.notified() == [events[1].id]
    assert [row.reason for row in run.dead()] == ["failed_too_often"]


def test_the_dead_letter_of_a_too_large_message_names_its_event_and_keeps_its_beginning(engine: Engine) -> None:
    large = record(1, payload=json.dumps({"pad": "x" * 6_000_000}))
    message = delivery(large, 1)
    run = Run(engine, [message, delivery(record(2), 2)]).steps()
    (letter,) = run.dead()
    assert (letter.reason, letter.event_id, letter.correlation_id) == ("bad_row", large.id, large.correlation_id)
    assert letter.payload == message.value[: contract.KEPT_BYTES]
    assert f"of its {len(message.value)} bytes the first {contract.KEPT_BYTES} are kept" in letter.detail
    assert len(run.notified()) == 1
