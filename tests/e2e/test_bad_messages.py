"""A message that ends its worker, and one that makes it raise: the product goes on without anybody's hand."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from application import Application
from connectors import envelope
from connectors.broker import Broker, Publisher
from db import dead_letter_queries, notification_queries, queries
from db.errors import DatabaseUnavailable
from domain.commands import CalculateCommission
from mutants.catalogue.worker_dies_on_one import FATAL
from mutants.catalogue.worker_raises_on_every_tenth import EVERY
from scenarios.waiting import until
from settings import Settings
from stacks import faults
from tests.builders import record
from tests.scenarios.replacing import replaced
from workers.heartbeat import read_heartbeat
from workers.observer_store import ObserverStore

WITHIN_S = 120  # a few starts of a process, on a machine that may be busy


def calculate(application: Application, gross: str, run: str) -> str:
    command = CalculateCommission(str(uuid.uuid4()), "aff", "cmp", gross, "USD", run)
    return application.send(command).event_ids[0]


def test_an_event_that_ends_its_worker_is_dead_lettered_and_all_others_are_notified(embedded: Settings) -> None:
    run = f"fatal-{uuid.uuid4().hex[:12]}"
    with (
        Application(embedded) as application,
        replaced(embedded, "notifications", "mutants.catalogue.worker_dies_on_one"),
    ):
        good = {calculate(application, "10", run) for _ in range(10)}
        fatal = calculate(application, FATAL, run)
        good |= {calculate(application, "10", run) for _ in range(10)}
        settle(application, run, good, {fatal: "killed_worker"})


def test_events_that_make_a_worker_raise_are_dead_lettered_and_all_others_are_notified(embedded: Settings) -> None:
    run = f"raising-{uuid.uuid4().hex[:12]}"
    with (
        Application(embedded) as application,
        replaced(embedded, "notifications", "mutants.catalogue.worker_raises_on_every_tenth"),
    ):
        ids = [calculate(application, "10", run) for _ in range(3 * EVERY)]
        with application.reading() as connection:
            tenth = {row.id for row in queries.recent_outbox(connection, 10 * EVERY) if row.seq % EVERY == 0}
        bad = tenth & set(ids)
        assert len(bad) == 3
        settle(application, run, set(ids) - bad, dict.fromkeys(bad, "failed_too_often"))


HOSTILE_PAYLOADS = (
    '{{"commissionId": "{id}", "x": NaN}}',
    '{{"commissionId": "{id}", "x": 1e999}}',
    '{{"commissionId": "{id}", "x": "\\ud800"}}',
    *(
        f'{{{{"commissionId": "{{id}}", "x": {"[" * depth}{"]" * depth}}}}}'
        for depth in (101, 900, 940, 960, 980, 990, 5000)
    ),
)


def test_payloads_that_the_database_refuses_stop_nobody(stack: Settings) -> None:
    run = f"hostile-{uuid.uuid4().hex[:12]}"
    bad = {}
    with published_by(stack) as publish, Application(stack) as application:
        for payload in HOSTILE_PAYLOADS:
            commission = str(uuid.uuid4())
            event = record(1, commission, payload=payload.format(id=commission), correlation_id=run)
            key, value = envelope.encode(event, envelope.now_ms())
            publish(value, key)
            bad[event.id] = "bad_payload"
        good = {calculate(application, "10", run)}
        settle(application, run, good, bad)


@pytest.mark.native
def test_while_the_database_is_away_a_dead_letter_is_published_once(native_stack: Settings) -> None:
    garbage = f"garbage {uuid.uuid4()}".encode()
    with published_by(native_stack) as publish, Application(native_stack) as application:
        faults.kill(native_stack, "database", hold_s=60)
        try:
            publish(garbage, None)
            until(lambda: busy(native_stack), 60, "the worker has the message in hand")
            for _ in range(3):  # signs of life, each from another try
                before = beat(native_stack)
                until(lambda before=before: beat(native_stack) != before, 60, "the worker tries again")  # type: ignore[misc]
        finally:
            faults.release(native_stack, "database")

        def recorded() -> bool:
            with suppress(DatabaseUnavailable), application.reading() as connection:
                return any(row.payload == garbage for row in dead_letter_queries.dead_letters(connection))
            return False

        until(recorded, WITHIN_S, "the dead letter is recorded")
        until(lambda: seen(native_stack, garbage) > 0, 60, "the dead letter is published")
        until(lambda: not busy(native_stack), 60, "the worker is done with it")
        assert seen(native_stack, garbage) == 1


@contextmanager
def published_by(settings: Settings) -> Iterator[Callable[[bytes, str | None], str]]:
    publisher = Publisher(Broker(settings), settings.topics.events)
    try:
        yield publisher.send
    finally:
        publisher.close()


def busy(settings: Settings) -> bool:
    found = read_heartbeat(settings, "notifications")
    return found is not None and found.busy


def beat(settings: Settings) -> int:
    return (settings.run / "heartbeat" / "notifications").stat().st_mtime_ns


def seen(settings: Settings, value: bytes) -> int:
    """How often the observer saw it on the dead-letter topic."""
    store = ObserverStore(settings.observer_store)
    try:
        return sum(row.value == value for row in store.read_messages(settings.topics.dead_letter, limit=200))
    finally:
        store.close()


def settle(application: Application, run: str, good: set[str], bad: dict[str, str]) -> None:
    """The good are notified, the bad dead-lettered with their reasons, and never the other way round."""

    def settled() -> bool:
        with application.reading() as connection:
            return good <= notification_queries.notification_ids(connection, run) and set(
                bad
            ) <= dead_letter_queries.dead_letter_ids(connection, run)

    until(settled, WITHIN_S, "every event is notified of or dead-lettered", 0.2)
    with application.reading() as connection:
        assert notification_queries.notification_ids(connection, run) == good
        letters = {
            row.event_id: row.reason
            for row in dead_letter_queries.dead_letters(connection, 500)
            if row.correlation_id == run
        }
    assert letters == bad
