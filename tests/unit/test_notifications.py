"""The notifications worker on a real SQLite inbox: effects once, order per commission, nothing stops it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors import envelope
from connectors.broker import Received
from db import queries
from db.engine import READ, connect
from db.migrate import upgrade
from domain.outbox import OutboxRecord
from tests.builders import delivery, record
from tests.fakes import ListInlet, ListOutlet, Measurements
from workers import notifications
from workers.inbox import Inbox
from workers.notifications import ATTEMPTS, NotificationsWorker


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = connect(f"sqlite:///{tmp_path / 'test.db'}")
    upgrade(made)
    yield made
    made.dispose()


class Run:
    """A worker on a list of batches, and what it left."""

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
            return [row.event_id for row in queries.notifications_after(connection, 0)]

    def deliveries(self) -> queries.Deliveries:
        with self.engine.connect().execution_options(**READ) as connection:
            return queries.deliveries(connection)

    def dead(self) -> list[queries.DeadLetterRow]:
        with self.engine.connect().execution_options(**READ) as connection:
            return queries.dead_letters(connection)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held deliveries are due at once: no test waits."""
    monkeypatch.setattr(notifications, "BACKOFF_S", (0.0,))


def test_each_event_is_notified_of_once_and_acknowledged(engine: Engine) -> None:
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


def test_what_is_no_event_is_dead_lettered_and_the_rest_goes_on(engine: Engine) -> None:
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


def test_an_event_that_was_sent_again_has_no_time_of_being_published(engine: Engine) -> None:
    """That of its message is the retry topic's: capture would seem to have taken as long as the repair."""
    first, again = record(1), record(2)
    run = Run(engine, [delivery(first), delivery(again, 1, "retry")]).steps()
    hops = {event: {one.hop for one in run.measured.passed if one.event_id == event} for event in run.notified()}
    assert hops[first.id] - hops[again.id] == {"published"}


def test_tombstones_and_updates_are_skipped_and_counted(engine: Engine) -> None:
    update = json.loads(envelope.encode(record(1), 1)[1])
    update["op"] = "u"
    run = Run(engine, [delivery(b"", 1), delivery(json.dumps(update).encode(), 2)]).steps()
    assert (run.notified(), run.deliveries()) == ([], queries.Deliveries(skipped=2))


def test_a_failing_event_holds_its_commission_in_order_until_it_passes(engine: Engine) -> None:
    one, two, other = record(1, "c-1"), record(2, "c-1", version=2), record(3, "c-2")
    left = [2]

    def check(event: OutboxRecord) -> None:
        if event.id == one.id and left[0]:
            left[0] -= 1
            raise RuntimeError("not yet")

    run = Run(engine, [delivery(one, 1), delivery(two, 2), delivery(other, 3)], check=check).steps(4)
    assert run.notified() == [other.id, one.id, two.id]
    assert sorted(run.inlet.acknowledged) == ["(7,1,-1,-1)", "(7,2,-1,-1)", "(7,3,-1,-1)"]


def test_an_event_that_always_fails_is_dead_lettered_and_its_commission_goes_on(engine: Engine) -> None:
    one, two = record(1, "c-1"), record(2, "c-1", version=2)
    attempts: list[str] = []

    def check(event: OutboxRecord) -> None:
        if event.id == one.id:
            attempts.append(event.id)
            raise RuntimeError("never")

    run = Run(engine, [delivery(one, 1), delivery(two, 2)], check=check).steps(ATTEMPTS + 1)
    assert len(attempts) == ATTEMPTS
    assert run.notified() == [two.id]
    (dead,) = run.dead()
    assert (dead.reason, dead.event_id, dead.attempts) == ("failed_too_often", one.id, ATTEMPTS)
    assert "never" in dead.detail


def test_what_cannot_be_dead_lettered_now_is_not_acknowledged_before_it_can(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "DATABASE_AGAIN_S", 0.0)
    run = Run(engine, [delivery(b"garbage", 1)])
    run.outlet.failures = 3
    run.steps()
    assert len(run.outlet.sent) == 1
    assert run.inlet.acknowledged == ["(7,1,-1,-1)"]


def test_while_the_database_is_away_nothing_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "DATABASE_AGAIN_S", 0.0)
    path = tmp_path / "later.db"
    engine = connect(f"sqlite:///{path}")
    event = record(1)
    run = Run(engine, [delivery(event, 1)])
    looks: list[list[str]] = []

    def beat() -> None:
        looks.append(list(run.inlet.acknowledged))
        if len(looks) == 3:
            upgrade(engine)

    run.worker._beat = beat
    run.steps()
    assert looks == [[], [], []]
    assert (run.notified(), run.inlet.acknowledged) == ([event.id], ["(7,1,-1,-1)"])
    engine.dispose()
