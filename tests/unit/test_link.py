"""Test when a client is kept, replaced or given up, with a clock, a broker and clients of the test's own."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pulsar
import pytest

from connectors import link
from connectors.client import BrokerUnavailable
from connectors.link import CHECK_EVERY_S, GRACE_S, RETRY_AFTER_REFUSAL_S, Link


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Client:
    def __init__(self) -> None:
        self.ended: list[str] = []
        self.gone = threading.Event()

    def get_topic_partitions(self, topic: str) -> list[str]:
        return [topic]

    def close(self) -> None:
        self.ended.append("closed")

    def shutdown(self) -> None:
        self.ended.append("shut down")
        self.gone.set()


class FakeBroker:
    def __init__(self) -> None:
        self.answers = True
        self.unreadable_token = ""
        self.clients: list[Client] = []

    def client(self) -> Client:
        if self.unreadable_token:
            raise BrokerUnavailable(self.unreadable_token)
        self.clients.append(Client())
        return self.clients[-1]

    def reachable(self) -> bool:
        return self.answers

    def explain(self, error: Exception, what: str) -> str:
        return f"{what}: {type(error).__name__}"


class End:
    connected = True

    def is_connected(self) -> bool:
        return self.connected


class OwnLink(Link):
    refused: Exception | None = None

    def _open(self, client: pulsar.Client) -> Any:
        if self.refused is not None:
            raise self.refused
        return End()

    def _describe_request(self) -> str:
        return "to read"

    def _topic_to_ask(self) -> str:
        return "topic"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(link, "time", clock)
    return clock


@pytest.fixture
def broker(clock: Clock) -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def opened(broker: FakeBroker) -> OwnLink:
    own = OwnLink(broker, "test")  # type: ignore[arg-type]
    assert own.ensure_connected()
    return own


def test_it_connects_when_a_broker_answers_and_not_before(broker: FakeBroker) -> None:
    own = OwnLink(broker, "test")  # type: ignore[arg-type]
    broker.answers = False
    assert not own.ensure_connected()
    assert (broker.clients, own.generation, own.connected) == ([], 0, False)
    broker.answers = True
    assert own.ensure_connected()
    assert (len(broker.clients), own.generation, own.connected) == (1, 1, True)


def test_a_client_that_reconnects_by_itself_is_kept(opened: OwnLink, broker: FakeBroker, clock: Clock) -> None:
    opened._endpoint.connected = False
    clock.now += CHECK_EVERY_S
    assert opened.ensure_connected()
    opened._endpoint.connected = True
    clock.now += 2 * GRACE_S
    assert opened.ensure_connected()
    opened._endpoint.connected = False  # lost again: its time begins anew
    clock.now += CHECK_EVERY_S
    assert opened.ensure_connected()
    assert (len(broker.clients), opened.generation) == (1, 1)


def test_a_client_that_stays_away_from_a_broker_that_answers_is_replaced(
    opened: OwnLink, broker: FakeBroker, clock: Clock
) -> None:
    opened._endpoint.connected = False
    clock.now += CHECK_EVERY_S
    opened.ensure_connected()
    clock.now += GRACE_S + 0.01
    assert not opened.ensure_connected(), "the caller can say that it is not connected before it waits for a new client"
    assert opened.ensure_connected()
    assert (len(broker.clients), opened.generation, opened.connected) == (2, 2, True)
    assert broker.clients[0].gone.wait(5)


def test_while_no_broker_answers_the_client_is_not_at_fault(opened: OwnLink, broker: FakeBroker, clock: Clock) -> None:
    opened._endpoint.connected = broker.answers = False
    for _ in range(5):
        clock.now += 2 * GRACE_S
        assert opened.ensure_connected()
    assert len(broker.clients) == 1


def test_the_connection_is_not_asked_about_at_every_call(opened: OwnLink, broker: FakeBroker, clock: Clock) -> None:
    opened.ensure_connected()
    asked: list[str] = []
    broker.reachable = lambda: bool(asked.append("asked"))  # type: ignore[method-assign, func-returns-value]
    opened._endpoint.connected = False
    clock.now += CHECK_EVERY_S / 2
    opened.ensure_connected()
    assert asked == []


def test_a_refusal_is_explained_logged_once_and_tried_again_later(
    broker: FakeBroker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    own = OwnLink(broker, "test")  # type: ignore[arg-type]
    own.refused = pulsar.AuthorizationError()
    with caplog.at_level(logging.WARNING, "connectors.link"):
        assert not own.ensure_connected()
        assert not own.ensure_connected()
        assert len(broker.clients) == 1  # the second attempt waits
        clock.now += RETRY_AFTER_REFUSAL_S
        assert not own.ensure_connected()
    assert own.refusal == "to read: AuthorizationError"
    assert len(caplog.records) == 1
    assert all(client.gone.wait(5) for client in broker.clients)
    own.refused = None
    clock.now += RETRY_AFTER_REFUSAL_S
    assert own.ensure_connected()
    assert own.refusal == ""


def test_a_token_that_cannot_be_read_is_a_refusal(broker: FakeBroker) -> None:
    broker.unreadable_token = "the token cannot be read"
    own = OwnLink(broker, "test")  # type: ignore[arg-type]
    assert not own.ensure_connected()
    assert own.refusal == "the token cannot be read"


@pytest.mark.parametrize(("answers", "ended"), [(True, "closed"), (False, "shut down")])
def test_it_closes_in_order_only_while_a_broker_answers(
    opened: OwnLink, broker: FakeBroker, answers: bool, ended: str
) -> None:
    broker.answers = answers
    (client,) = broker.clients
    opened.close()
    if not answers:
        assert client.gone.wait(5)
    assert client.ended == [ended]
    assert not opened.connected


# A consumer that must be alone.


class AloneLink(OwnLink):
    _must_be_alone = True


@pytest.mark.parametrize(
    ("kind", "was_connected", "waits"), [(AloneLink, True, True), (AloneLink, False, False), (OwnLink, True, False)]
)
def test_only_a_consumer_that_must_be_alone_waits_for_the_end_of_its_living_predecessor(
    clock: Clock, broker: FakeBroker, kind: type[OwnLink], was_connected: bool, waits: bool
) -> None:
    own = kind(broker, "own")  # type: ignore[arg-type]
    assert own.ensure_connected()
    may_end = threading.Event()
    broker.clients[0].shutdown = may_end.wait  # type: ignore[method-assign,assignment]
    own._endpoint.connected = was_connected
    own.drop()
    assert own.ensure_connected() is not waits
    may_end.set()
    if waits:
        assert own._ending is not None
        own._ending.join(10)
    assert own.ensure_connected()
    assert len(broker.clients) == 2
