"""Test the loop that all consumers share: what happens to a message depends on its exception, and none ends the loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from connectors.broker import BrokerUnavailable, Received
from db import dead_letter_queries
from db.engine import READ
from db.error_codes import Kind
from db.errors import DatabaseUnavailable, UnstorableData
from tests.builders import delivery
from tests.fakes import ListInlet, ListOutlet
from workers.consumer import Consumer
from workers.handling import Handling
from workers.in_work import InWork
from workers.inbox import Inbox
from workers.local_failures import LocalFailures
from workers.policy import MAX_ATTEMPTS

pytestmark = pytest.mark.usefixtures("no_backoff")


class OwnConsumer(Consumer):
    """Takes each group with `taking`, which may raise, and acknowledges it."""

    def __init__(self, engine: Engine, inlet: ListInlet, stop: threading.Event, **options: Any) -> None:
        self.outlet = ListOutlet()
        super().__init__(Inbox(engine, "own"), inlet, self.outlet, stop, **options)
        self.groups: list[list[bytes]] = []
        self.taking: Callable[[list[Received]], None] = lambda group: None

    def step(self, timeout_s: float) -> None:
        for group in self._groups(self._inlet.receive(10, timeout_s)):
            self._handle(group)

    def _take(self, group: list[Received]) -> None:
        self.groups.append([message.value for message in group])
        self.taking(group)
        self._inlet.acknowledge(group)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def inlet() -> ListInlet:
    return ListInlet([delivery(b"1", 1), delivery(b"2", 2), delivery(b"3", 3)])


@pytest.fixture
def consumer(engine: Engine, inlet: ListInlet, stop: threading.Event) -> Iterator[OwnConsumer]:
    consumer = OwnConsumer(engine, inlet, stop)
    yield consumer
    stop.set()


def dead_letters(engine: Engine) -> list[tuple[str, int]]:
    with engine.connect().execution_options(**READ) as connection:
        return [(row.reason, row.attempts) for row in dead_letter_queries.dead_letters(connection)]


def failing(value: bytes, errors: Iterator[Exception]) -> Callable[[list[Received]], None]:
    """Raise the next error whenever this message is in the group, until there is none."""

    def take(group: list[Received]) -> None:
        if any(message.value == value for message in group):
            for error in errors:
                raise error

    return take


def test_a_batch_is_taken_at_once(consumer: OwnConsumer, inlet: ListInlet) -> None:
    consumer.step(0)
    assert consumer.groups == [[b"1", b"2", b"3"]]
    assert len(inlet.acknowledged) == 3


def test_after_a_failure_of_the_group_each_message_is_taken_alone(
    consumer: OwnConsumer, inlet: ListInlet, engine: Engine
) -> None:
    consumer.taking = failing(b"2", iter([ValueError("x")] * 2))
    consumer.step(0)
    assert consumer.groups == [[b"1", b"2", b"3"], [b"1"], [b"2"], [b"2"], [b"3"]]
    assert inlet.acknowledged == ["(7,1,-1,-1)", "(7,2,-1,-1)", "(7,3,-1,-1)"]
    assert dead_letters(engine) == []


def test_a_message_that_fails_too_often_is_dead_lettered_and_those_behind_it_continue(
    consumer: OwnConsumer, inlet: ListInlet, engine: Engine
) -> None:
    consumer.taking = failing(b"2", iter([ValueError("x")] * 100))
    consumer.step(0)
    assert consumer.groups.count([b"2"]) == MAX_ATTEMPTS
    assert consumer.groups[-1] == [b"3"]
    assert dead_letters(engine) == [("failed_too_often", MAX_ATTEMPTS)]
    assert [value for value, _key, _properties in consumer.outlet.sent] == [b"2"]
    assert len(inlet.acknowledged) == 3


def test_data_that_no_database_stores_is_dead_lettered_at_once(consumer: OwnConsumer, engine: Engine) -> None:
    consumer.taking = failing(b"1", iter([UnstorableData("half a surrogate pair")] * 100))
    consumer.step(0)
    assert consumer.groups.count([b"1"]) == 1
    assert dead_letters(engine) == [("bad_data", 1)]


@pytest.mark.parametrize("error", [DatabaseUnavailable("busy", Kind.UNAVAILABLE), BrokerUnavailable("no answer")])
def test_while_a_dependency_is_unavailable_no_message_is_to_blame(
    consumer: OwnConsumer, engine: Engine, error: Exception
) -> None:
    consumer.taking = failing(b"1", iter([error] * 3 * MAX_ATTEMPTS))
    consumer.step(0)
    assert consumer.groups[-2:] == [[b"2"], [b"3"]]
    assert dead_letters(engine) == []


def test_a_consumer_that_is_told_to_stop_leaves_the_rest_unacknowledged(
    consumer: OwnConsumer, inlet: ListInlet, stop: threading.Event
) -> None:
    def fail_and_stop(_group: list[Received]) -> None:
        stop.set()
        raise ValueError("x")

    consumer.taking = fail_and_stop
    consumer.step(0)
    assert consumer.groups == [[b"1", b"2", b"3"]]
    assert inlet.acknowledged == []


def test_an_error_outside_any_message_makes_it_receive_everything_again(
    engine: Engine, inlet: ListInlet, stop: threading.Event
) -> None:
    dropped: list[str] = []
    beats: list[str] = []
    inlet.drop = lambda: dropped.append("dropped")  # type: ignore[method-assign]

    def beat() -> None:
        beats.append("beat")
        if len(beats) == 2:
            stop.set()

    consumer = OwnConsumer(engine, inlet, stop, beat=beat)
    consumer.step = iter_raising(RuntimeError("a defect"))  # type: ignore[method-assign, assignment]
    consumer.run()
    assert (dropped, beats) == (["dropped"], ["beat", "beat"])


def iter_raising(error: Exception) -> Callable[[float], None]:
    """Raise the error at the first call only."""
    errors = iter([error])

    def step(_timeout_s: float) -> None:
        for each in errors:
            raise each

    return step


class UncountedFailures(LocalFailures):
    """A store of counts that does not answer at first."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def load(self, topics: Any) -> Any:
        if self.refusals:
            self.refusals -= 1
            raise DatabaseUnavailable("not yet", Kind.UNAVAILABLE)
        return super().load(topics)


def test_no_message_is_taken_before_the_counts_of_earlier_processes_are_known(
    engine: Engine, inlet: ListInlet, stop: threading.Event
) -> None:
    failures = UncountedFailures(2)
    consumer = OwnConsumer(engine, inlet, stop, handling=Handling(failures, InWork(), ()))
    consumer.step(0)
    assert failures.refusals == 0
    assert consumer.groups == [[b"1", b"2", b"3"]]


def test_a_message_counts_as_in_work_while_it_is_taken_and_not_during_a_pause(consumer: OwnConsumer) -> None:
    seen: list[bool] = []
    consumer.taking = lambda _group: seen.append(consumer.busy)
    assert not consumer.busy
    consumer.step(0)
    assert (seen, consumer.busy) == ([True], False)
