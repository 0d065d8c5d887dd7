"""Test that the drivers send what was generated, byte by byte, and report what became of it."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pulsar
import pymysql
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from fuzzing import message_driver, request_driver, row_driver
from fuzzing.inputs import COMMISSION, Message, Request, Row, Tag, Undecodable
from fuzzing.message_driver import MessageDriver
from fuzzing.outcomes import Answered, Declined, Inserted, Published
from fuzzing.request_driver import RETRIES, RequestDriver
from settings import Settings
from tests.clocks import patch_time

TAG = Tag("0a0b0c0d", 7)


# Requests.


class Server:
    """Answers each connection's requests with the given bytes, one after the other, and keeps what it received."""

    def __init__(self, *answers: bytes | None) -> None:
        self.received: list[bytes] = []
        self._answers = list(answers)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self._answers:
            connection, _ = self._socket.accept()
            with connection:
                while self._answers and (text := _read_request(connection)):
                    self.received.append(text)
                    answer = self._answers.pop(0)
                    if answer is None:
                        break  # closes without an answer
                    connection.sendall(answer)
        self._socket.close()


def _read_request(connection: socket.socket) -> bytes:
    text = b""
    while b"\r\n\r\n" not in text:
        part = connection.recv(65536)
        if not part:
            return text
        text += part
    head, _, body = text.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(status: int, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def driver_of(server: Server, home: Path, token: str = "") -> RequestDriver:
    settings = Settings(home=home, api_port=server.port, api_token=SecretStr(token))
    return RequestDriver(settings, lambda: "c-1", lambda: False)


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_driver, "RETRY_AFTER_S", 0.0)


def test_a_request_arrives_as_it_was_generated_with_an_existing_commission(tmp_path: Path) -> None:
    server = Server(answer(201, b'{"eventIds": []}'))
    request = Request(TAG, "x", headers=((b"X-A", b"\xff"),), body=b'{"id":"%b","bad":\xed}' % COMMISSION.encode())
    with closing(driver_of(server, tmp_path, token="t")) as driver:
        assert driver.send(request) == Answered(201, {"eventIds": []})
    (text,) = server.received
    head, _, body = text.partition(b"\r\n\r\n")
    assert body == b'{"id":"c-1","bad":\xed}'
    assert head.split(b"\r\n") == [
        b"POST /commissions/calculate HTTP/1.1",
        b"Host: 127.0.0.1:%d" % server.port,
        b"Authorization: Bearer t",
        b"X-A: \xff",
        b"Content-Length: %d" % len(body),
    ]


def test_headers_that_the_input_gives_are_not_added_again(tmp_path: Path) -> None:
    server = Server(answer(401))
    headers = ((b"HOST", b"evil.example"), (b"authorization", b"Bearer \xff"))
    with closing(driver_of(server, tmp_path, token="t")) as driver:
        assert driver.send(Request(TAG, "x", headers=headers)).status == 401
    assert server.received[0].lower().count(b"host:") == 1
    assert server.received[0].lower().count(b"authorization:") == 1


def test_an_answer_that_is_no_json_has_no_body(tmp_path: Path) -> None:
    with closing(driver_of(Server(answer(400, b"<html>")), tmp_path)) as driver:
        assert driver.send(Request(TAG, "x")) == Answered(400)


@pytest.mark.parametrize(("good", "tries"), [(False, RETRIES + 1), (True, RETRIES + 3)])
def test_503_is_tried_again_and_for_a_good_request_for_longer(tmp_path: Path, good: bool, tries: int) -> None:
    server = Server(*[answer(503)] * (RETRIES + 2), answer(200))
    with closing(driver_of(server, tmp_path)) as driver:
        assert driver.send(Request(TAG, "x", good)).status == (200 if good else 503)
    assert len(server.received) == tries


def test_a_connection_that_the_server_closed_while_idle_says_nothing_about_the_request(tmp_path: Path) -> None:
    server = Server(answer(200), None, answer(201))
    with closing(driver_of(server, tmp_path)) as driver:
        assert driver.send(Request(TAG, "x")).status == 200
        assert driver.send(Request(TAG, "x")).status == 201


def test_a_new_connection_that_is_closed_without_an_answer_is_a_fault(tmp_path: Path) -> None:
    with closing(driver_of(Server(None), tmp_path)) as driver:
        assert driver.send(Request(TAG, "x")) == Answered(0, fault="closed")


def test_a_malformed_request_is_sent_over_a_connection_of_its_own(tmp_path: Path) -> None:
    server = Server(answer(400))
    raw = b"GET\r\n\r\n"
    with closing(driver_of(server, tmp_path)) as driver:
        assert driver.send(Request(TAG, "malformed", raw=raw)) == Answered(400, {})
    assert server.received == [raw]
    with closing(driver_of(Server(None), tmp_path)) as driver:
        assert driver.send(Request(TAG, "malformed", raw=raw)).fault == "closed"


def test_a_port_that_nothing_listens_on_is_a_fault(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, api_port=1)
    driver = RequestDriver(settings, lambda: "c-1", lambda: False)
    assert driver.send(Request(TAG, "x")) == Answered(0, fault="reset")
    assert driver.send(Request(TAG, "x", raw=b"x")) == Answered(0, fault="reset")


# Messages.


class Client:
    """Answers every message with this result, or raises at the call."""

    result: Any = pulsar.Result.Ok
    raised: Exception | None = None

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, dict[str, Any]]] = []

    def create_producer(self, topic: str, **_options: Any) -> Producer:
        return Producer(self, topic)

    def close(self) -> None: ...


class Producer:
    def __init__(self, client: Client, topic: str) -> None:
        self.client, self.topic = client, topic

    def send_async(self, value: bytes, done: Callable[[Any, Any], None], **options: Any) -> None:
        if self.client.raised is not None:
            raise self.client.raised
        self.client.sent.append((self.topic, value, options))
        done(self.client.result, "(1,2)")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()

    class Broker:
        def __init__(self, _settings: Settings) -> None: ...

        def client(self) -> Client:
            return client

    monkeypatch.setattr(message_driver, "Broker", Broker)
    return client


def publish(home: Path, message: Message) -> tuple[Settings, list[Any]]:
    settings, outcomes = Settings(home=home), list[Any]()
    driver = MessageDriver(settings, lambda: "c-1", lambda _message, outcome: outcomes.append(outcome))
    driver.send(message)
    driver.close()
    return settings, outcomes


MESSAGE = Message(TAG, "x", "messages", "retry", COMMISSION.encode() + b"\xff", "key", (("alpes-reason", "x"),))


def test_a_message_goes_to_its_topic_with_key_and_properties(tmp_path: Path, client: Client) -> None:
    settings, outcomes = publish(tmp_path, MESSAGE)
    options = {"partition_key": "key", "properties": {"alpes-reason": "x"}}
    assert client.sent == [(settings.topics.retry, b"c-1\xff", options)]
    assert outcomes == [Published(settings.topics.retry, "(1,2)", "c-1")]


def test_what_broker_or_client_declines_was_not_sent(tmp_path: Path, client: Client) -> None:
    client.result = pulsar.Result.MessageTooBig
    assert publish(tmp_path, MESSAGE)[1] == [Declined(str(pulsar.Result.MessageTooBig))]
    client.raised = TypeError("the key is no text")
    assert publish(tmp_path, MESSAGE)[1] == [Declined("the key is no text")]


# Rows.


def row(**changes: Any) -> Row:
    values = {
        "id": TAG.event_id,
        "aggregate_type": "commission",
        "aggregate_id": TAG.aggregate_id,
        "aggregate_version": 1,
        "type": "t",
        "version": 1,
        "payload": "{}",
        "correlation_id": "r",
        "occurred_at": "2026-01-01 00:00:00.000000",
    }
    return Row(TAG, "row", tuple({**values, **changes}.items()))


@pytest.fixture
def sqlite_driver(engine: Engine, tmp_path: Path) -> Iterator[row_driver.RowDriver]:
    with closing(row_driver.row_driver(Settings(home=tmp_path, database_url=str(engine.url)))) as driver:
        yield driver


def test_sqlite_stores_a_foreign_row_as_it_is(sqlite_driver: row_driver.RowDriver, engine: Engine) -> None:
    assert sqlite_driver.send(row(type=b"\x00\xff", correlation_id=Undecodable(b"abc\xc3"))) == Inserted(
        TAG.event_id, 1
    )
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        query = "SELECT type, typeof(correlation_id), CAST(correlation_id AS BLOB) FROM outbox_event"
        assert connection.execute(query).fetchall() == [(b"\x00\xff", "text", b"abc\xc3")]


@pytest.mark.parametrize("changes", [{"id": None}, {"version": 2**70}, {"type": "\ud800"}])
def test_what_sqlite_or_its_driver_refuses_is_declined(
    sqlite_driver: row_driver.RowDriver, changes: dict[str, Any]
) -> None:
    outcome = sqlite_driver.send(row(**changes))
    assert isinstance(outcome, Declined)
    assert outcome.reason


class MySql:
    """Raises the error of each number, then inserts."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)
        self.connections = 0
        self.lastrowid = 5

    def connect(self, **_options: Any) -> MySql:
        self.connections += 1
        return self

    def cursor(self) -> MySql:
        return self

    def __enter__(self) -> MySql:
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self, _statement: str, _values: list[Any]) -> None:
        if self.numbers:
            raise pymysql.OperationalError(self.numbers.pop(0), "x")

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("numbers", "inserted", "connections"),
    [((), True, 1), ((1205, 2013), True, 3), ((1366,), False, 1), ((1213,) * 100, False, row_driver.ATTEMPTS)],
)
def test_mysql_is_asked_again_after_a_lock_or_a_lost_connection_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, ...], inserted: bool, connections: int
) -> None:
    monkeypatch.setattr(pymysql, "connect", (server := MySql(*numbers)).connect)
    patch_time(monkeypatch, "fuzzing.row_driver", sleep=lambda _: None)
    settings = Settings(home=tmp_path, database_url="mysql+pymysql://u:p@h/alpes")
    assert isinstance(row_driver.row_driver(settings).send(row()), Inserted if inserted else Declined)
    assert server.connections == connections
