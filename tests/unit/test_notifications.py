"""Test the notifications worker on a real SQLite inbox: effects once, order per commission, and no message stops it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors import envelope
from connectors.broker import Received
from db import queries
from db.engine import connect
from db.migrate import upgrade
from domain.outbox import OutboxRecord
from tests.builders import delivery, record
from tests.unit.notifications_run import Run
from workers import reading
from workers.inbox import Effect
from workers.outcome import Ack, DeadLetter
from workers.policy import MAX_ATTEMPTS

pytestmark = pytest.mark.usefixtures("no_backoff")


def test_each_event_has_one_notification_and_is_acknowledged(engine: Engine) -> None:
    events = [record(seq) for seq in (1, 2, 3)]
    run = Run(engine, [delivery(event, event.seq) for event in events]).steps()
    assert run.notified() == [event.id for event in events]
    assert run.inlet.acknowledged == ["(7,1,-1,-1)", "(7,2,-1,-1)", "(7,3,-1,-1)"]
    for timing in run.measured.passed:
        assert None not in (timing.captured_us, timing.published_us, timing.received_us, timing.persisted_us)


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


def test_a_requeued_event_has_no_published_timestamp(engine: Engine) -> None:
    """Its message was published by the requeue: capture would seem to have taken as long as the repair."""
    first, again = record(1), record(2)
    run = Run(engine, [delivery(first), delivery(again, 1, "retry")]).steps()
    published_us = {timing.event_id: timing.published_us for timing in run.measured.passed}
    assert published_us[first.id] is not None
    assert published_us[again.id] is None


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
