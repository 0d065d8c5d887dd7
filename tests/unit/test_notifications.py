"""Test the notifications worker on a real SQLite inbox: effects once, order per commission, and no message stops it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from connectors import envelope
from connectors.broker import Received
from connectors.sending import MessageRefused
from db import dead_letter_queries, notification_queries, queries
from db.engine import READ, connect
from db.error_codes import Kind
from db.errors import DatabaseUnavailable
from db.migrate import upgrade
from domain import contract
from domain.outbox import OutboxRecord
from tests.builders import delivery, record
from tests.fakes import ListInlet, ListOutlet, Measurements
from workers import policy, reading
from workers.inbox import Effect, Inbox
from workers.notifications import NotificationsWorker
from workers.outcome import Ack, DeadLetter
from workers.policy import MAX_ATTEMPTS


class Run:
    """A worker on a list of batches, and what it wrote and sent."""

    def __init__(
        self, engine: Engine, *batches: list[Received], check: Callable[[OutboxRecord], None] | None = None
    ) -> None:
        self.engine, self.inlet, self.outlet, self.measured = engine, ListInlet(*batches), ListOutlet(), Measurements()
        self.inbox = Inbox(engine, "test")
        self.worker = NotificationsWorker(
            self.inbox,
            self.inlet,
            self.outlet,
            self.measured,
            threading.Event(),
            check or (lambda _: None),
            retry_topic="retry",
        )

    def steps(self, count: int = 1) -> Run:
        for _ in range(count):
            self.worker.step(0)
        self.inbox.close()
        return self

    def notified(self) -> list[str]:
        with self.engine.connect().execution_options(**READ) as connection:
            return [row.event_id for row in notification_queries.notifications_after(connection, 0)]

    def deliveries(self) -> queries.Deliveries:
        with self.engine.connect().execution_options(**READ) as connection:
            return queries.deliveries(connection)

    def dead(self) -> list[dead_letter_queries.DeadLetterRow]:
        with self.engine.connect().execution_options(**READ) as connection:
            return dead_letter_queries.dead_letters(connection, limit=1000)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make held deliveries due at once, so that no test waits."""
    monkeypatch.setattr(policy, "BACKOFF_S", (0.0,))
    monkeypatch.setattr(policy, "RECHECK_S", 0.0)


def test_each_event_has_one_notification_and_is_acknowledged(engine: Engine) -> None:
    events = [record(seq) for seq in (1, 2, 3)]
    run = Run(engine, [delivery(event, event.seq) for event in events]).steps()
    assert run.notified() == [event.id for event in events]
    assert run.inlet.acknowledged == ["(7,1,-1,-1)", "(7,2,-1,-1)", "(7,3,-1,-1)"]
    assert {passed.hop for passed in run.measured.passed} == {"captured", "published", "received", "persisted"}


def test_duplicates_are_absorbed_and_counted(engine: Engine) -> None:
    first, second = record(1), record(2)
    run = Run(
        engine,
        [delivery(first, 1), delivery(first, 2)],
        [delivery(first, 3), delivery(second, 4)],
    ).steps(2)
    assert run.notified() == [first.id, second.id]
    assert run.deliveries() == queries.Deliveries(applied=2, duplicate=2)
    assert len(run.inlet.acknowledged) == 4


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


def test_a_requeued_event_has_no_published_timestamp(engine: Engine) -> None:
    """Its message was published by the requeue: capture would seem to have taken as long as the repair."""
    first, again = record(1), record(2)
    run = Run(engine, [delivery(first), delivery(again, 1, "retry")]).steps()
    hops = {
        event: {passed.hop for passed in run.measured.passed if passed.event_id == event} for event in run.notified()
    }
    assert hops[first.id] - hops[again.id] == {"published"}


def test_tombstones_and_updates_are_skipped_and_counted(engine: Engine) -> None:
    update = json.loads(envelope.encode(record(1), 1)[1])
    update["op"] = "u"
    run = Run(engine, [delivery(b"", 1), delivery(json.dumps(update).encode(), 2)]).steps()
    assert (run.notified(), run.deliveries()) == ([], queries.Deliveries(skipped=2))


def test_a_failing_event_holds_its_commission_until_it_succeeds(engine: Engine) -> None:
    one, two, other = record(1, "c-1"), record(2, "c-1", version=2), record(3, "c-2")
    left = [2]

    def check(event: OutboxRecord) -> None:
        if event.id == one.id and left[0]:
            left[0] -= 1
            raise RuntimeError("not yet")

    run = Run(engine, [delivery(one, 1), delivery(two, 2), delivery(other, 3)], check=check).steps(4)
    assert run.notified() == [other.id, one.id, two.id]
    assert sorted(run.inlet.acknowledged) == ["(7,1,-1,-1)", "(7,2,-1,-1)", "(7,3,-1,-1)"]


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


def test_nothing_is_acknowledged_while_the_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    engine = connect(f"sqlite:///{path}")
    event = record(1)
    run = Run(engine, [delivery(event, 1)])
    acknowledged: list[list[str]] = []

    def beat() -> None:
        acknowledged.append(list(run.inlet.acknowledged))
        if len(acknowledged) == 3:
            upgrade(engine)

    run.worker._beat = beat
    run.steps()
    assert acknowledged == [[], [], []]
    assert (run.notified(), run.inlet.acknowledged) == ([event.id], ["(7,1,-1,-1)"])
    engine.dispose()


@pytest.mark.parametrize(
    "error",
    [
        RecursionError("deep"),
        MemoryError(),
        KeyError("x"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "x"),
        StopIteration(),
    ],
)
@pytest.mark.parametrize("where", ["check", "write", "read", "take"])
def test_any_exception_dead_letters_only_the_message_that_caused_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    events = [record(seq, f"c-{seq % 3}", version=seq) for seq in range(1, 10)]
    bad = events[4]

    def check(event: OutboxRecord) -> None:
        if where == "check" and event.id == bad.id:
            raise error

    run = Run(engine, [delivery(event, event.seq) for event in events], check=check)
    inject_error(run, monkeypatch, where, bad, error)
    run.steps(2 * MAX_ATTEMPTS)
    assert sorted(run.notified()) == sorted(event.id for event in events if event is not bad)
    by_key = [event.id for event in events if event.aggregate_id == bad.aggregate_id and event is not bad]
    assert [event_id for event_id in run.notified() if event_id in by_key] == by_key
    (dead,) = run.dead()
    assert type(error).__name__ in dead.detail
    assert len(run.outlet.sent) == 1
    assert set(run.inlet.acknowledged) == {f"(7,{event.seq},-1,-1)" for event in events}


def inject_error(run: Run, monkeypatch: pytest.MonkeyPatch, where: str, bad: OutboxRecord, error: Exception) -> None:
    if where == "write":
        apply = run.inbox.apply

        def failing_apply(effects: list[Effect], skipped: list[Received]) -> set[str]:
            if any(effect.record.id == bad.id for effect in effects):
                raise error
            return apply(effects, skipped)

        run.inbox.apply = failing_apply  # type: ignore[method-assign, assignment]
    if where == "read":
        interpret = reading._interpret

        def failing_interpret(message: Received) -> Effect | Ack | DeadLetter:
            if bad.id.encode() in message.value:
                raise error
            return interpret(message)

        monkeypatch.setattr(reading, "_interpret", failing_interpret)
    if where == "take":
        take = run.worker._take

        def failing_take(group: list[Received]) -> None:
            if any(bad.id.encode() in message.value for message in group):
                raise error
            take(group)

        run.worker._take = failing_take  # type: ignore[method-assign, assignment]


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


def test_an_attempt_returns_its_outcome(engine: Engine) -> None:
    event = record(1)
    run = Run(engine)
    effect = Effect(delivery(event, 1), event, 0)
    assert [run.worker._attempt(effect) for _ in range(2)] == [Ack("applied"), Ack("duplicate")]
    run.inbox.close()


def test_an_error_outside_of_any_message_reconnects(engine: Engine) -> None:
    event = record(1)
    run = Run(engine, [delivery(event, 1)])
    receive = run.inlet.receive
    dropped: list[bool] = []

    def failing(limit: int, timeout_s: float) -> list[Received]:
        if not dropped:
            raise RuntimeError("no message is to blame")
        run.worker._stop.set()
        return receive(limit, timeout_s)

    run.inlet.receive = failing  # type: ignore[method-assign]
    run.inlet.drop = lambda: dropped.append(True)  # type: ignore[method-assign]
    run.worker.run()
    assert dropped == [True]


def raising(kind: type[BaseException]) -> Callable[..., Any]:
    def act(*_arguments: object, **_named: object) -> None:
        raise kind("x")

    return act


def fails_first(of: object, name: str, times: int) -> None:
    real, left = getattr(of, name), [times]

    def act(*arguments: object) -> object:
        if left[0]:
            left[0] -= 1
            raise DatabaseUnavailable("away")
        return real(*arguments)

    setattr(of, name, act)


def test_the_dead_letter_of_a_too_large_message_names_its_event_and_keeps_its_beginning(engine: Engine) -> None:
    large = record(1, payload=json.dumps({"pad": "x" * 6_000_000}))
    message = delivery(large, 1)
    run = Run(engine, [message, delivery(record(2), 2)]).steps()
    (letter,) = run.dead()
    assert (letter.reason, letter.event_id, letter.correlation_id) == ("bad_row", large.id, large.correlation_id)
    assert letter.payload == message.value[: contract.KEPT_BYTES]
    assert f"of its {len(message.value)} bytes the first {contract.KEPT_BYTES} are kept" in letter.detail
    assert len(run.notified()) == 1
