"""Test what scenarios build on: percentiles, the naive writer, the listener, and the poison that they publish."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pulsar
import pytest

from connectors import envelope
from connectors.broker import BrokerUnavailable
from connectors.envelope import Unreadable
from domain.message import Message
from scenarios import listening, naive
from scenarios.catalogue import poison_message
from scenarios.listening import Listener
from scenarios.naive import NaiveLoad, find_lost
from scenarios.percentiles import percentiles
from scenarios.waiting import JudgeFailed
from settings import Settings
from tests.builders import delivery, record
from tests.unit.trials import SteadyLoad, UnitTrial


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], {"p50": 7.0, "p95": 7.0, "p99": 7.0}),
        ([1.0, 2.0], {"p50": 1.5, "p95": 1.95, "p99": 1.99}),
        (list(map(float, range(101))), {"p50": 50.0, "p95": 95.0, "p99": 99.0}),
        ([3.0, 1.0, 2.0], {"p50": 2.0, "p95": 2.9, "p99": 2.98}),
    ],
)
def test_percentiles_lie_between_the_closest_ranks(values: list[float], expected: dict[str, float]) -> None:
    assert percentiles(values) == expected


def test_there_are_no_percentiles_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentiles([])


# The naive writer.


class Publisher:
    """Publishes into a list, and fails for each number in `failing`."""

    failing: frozenset[int] = frozenset()

    def __init__(self, *_: object, **__: object) -> None:
        self.sent: list[tuple[bytes, str | None]] = []
        self.calls = itertools.count()

    def send(self, value: bytes, key: str | None = None) -> str:
        if next(self.calls) in self.failing:
            raise BrokerUnavailable("killed")
        self.sent.append((value, key))
        return "(1,1)"

    def close(self) -> None: ...


@pytest.fixture
def writer(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> NaiveLoad:
    monkeypatch.setattr(naive, "Publisher", Publisher)
    monkeypatch.setattr(naive, "SEEN_WITHIN_S", 0.0)
    trial.patience_s = 30.0  # the writer has a thread of its own
    load: Any = SteadyLoad(trial)
    for _ in range(3):
        load.send_pair()
    return NaiveLoad(trial, load)


def published(writer: NaiveLoad) -> list[tuple[bytes, str | None]]:
    publisher: Any = writer._publisher
    sent: list[tuple[bytes, str | None]] = publisher.sent
    return sent


def test_a_naive_event_whose_publication_fails_is_lost(
    trial: UnitTrial, writer: NaiveLoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Publisher, "failing", frozenset({1, 2}))
    with writer:
        writer.catch_up()
    assert writer.errors == 2
    assert len(published(writer)) == writer.committed - 2
    topic = trial.settings.topics.naive
    trial.instance.observe([_delivered(value, n, topic) for n, (value, _) in enumerate(published(writer))])
    assert len(find_lost(trial)) == 2


def _delivered(value: bytes, number: int, topic: str) -> Any:
    return delivery(value, number, topic)


def test_a_naive_writer_that_dies_is_an_error_of_the_judge(
    trial: UnitTrial, writer: NaiveLoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("a defect")

    monkeypatch.setattr(writer, "_commit", fail)
    with writer, pytest.raises(JudgeFailed, match="a defect"):
        writer.wait_for_more(1)
    assert [str(error) for error in trial.errors] == ["the writer without an outbox ended: RuntimeError: a defect"]


# The listener.


class Reader:
    """Reads these messages, then times out."""

    def __init__(self, messages: list[bytes | Exception]) -> None:
        self.messages = messages

    def read_next(self, timeout_millis: int) -> Any:
        if not self.messages:
            raise pulsar.Timeout
        message = self.messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return type("Read", (), {"data": lambda _: message})()


def listen(
    monkeypatch: pytest.MonkeyPatch, messages: list[bytes | Exception], visible: Callable[[str], bool]
) -> tuple[dict[str, bool], list[str]]:
    reader, failed = Reader(messages), list[str]()

    class Client:
        def create_reader(self, *_: object) -> Reader:
            return reader

        def close(self) -> None: ...

    class Broker:
        def __init__(self, _settings: Settings) -> None: ...

        def client(self) -> Client:
            return Client()

    def note(why: Message) -> None:
        failed.append(str(why))

    monkeypatch.setattr(listening, "Broker", Broker)
    listener = Listener(Settings(), "run-1", visible, note)
    with listener:
        while reader.messages and not failed:
            listener._thread.join(0.01)
    return listener.received, failed


def test_a_listener_asks_once_for_each_event_of_the_run_whether_its_row_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, other = record(1, id="e-1"), record(2, id="e-2", correlation_id="run-2")
    values = [delivery(event).value for event in (own, other, own)]
    asked: list[str] = []

    def visible(event_id: str) -> bool:
        asked.append(event_id)
        return False

    received, failed = listen(monkeypatch, [values[0], b"garbage", pulsar.ConnectError(), *values[1:]], visible)
    assert (received, asked, failed) == ({"e-1": False}, ["e-1"], [])


def test_a_listener_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_event_id: str) -> bool:
        raise RuntimeError("no database")

    _received, failed = listen(monkeypatch, [delivery(record(1)).value], fail)
    assert failed == ["the listener ended: RuntimeError: no database"]


# Poison.


def test_each_poison_message_has_the_reason_that_it_is_expected_to_have() -> None:
    for reason, value in poison_message._make_poison_messages("run-1").items():
        decoded = envelope.decode(value)
        assert isinstance(decoded, Unreadable)
        assert decoded.reason == reason
        assert b"run-1" in value


def test_a_change_that_the_experiment_commits_itself_is_the_commissions_next_event(trial: UnitTrial) -> None:
    calculated = trial.calculate()
    approved = trial.approve(calculated.commission_id)
    event_id = poison_message._commit_change(trial, approved, 3)
    newest = trial.rows()[-1]
    assert (newest.id, newest.aggregate_id, newest.aggregate_version) == (event_id, calculated.commission_id, 3)
    assert trial.operations.list_recorded()[-1].command == "change"
    assert event_id in trial.acknowledged


def test_an_event_of_an_unknown_version_is_found_by_its_contents_alone(trial: UnitTrial) -> None:
    poison_message._commit_unknown_version(trial)
    (row,) = trial.rows()
    assert row.version == 99
    assert row.correlation_id != trial.run_id
    assert trial.run_id in row.payload
