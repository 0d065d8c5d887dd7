"""Test the consumer of commands: strict parsing, harmless repetitions, and dead letters for commands that cannot succeed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from application import Application
from db import dead_letter_queries, queries
from db.engine import connect
from db.errors import DatabaseUnavailable, UnstorableData
from db.migrate import upgrade
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from domain.errors import ConcurrentChange, DuplicateConversion, UnknownCommission
from settings import Settings
from settings.model import REPOSITORY
from tests.builders import delivery
from tests.fakes import ListInlet, ListOutlet
from workers import policy
from workers.command_message import Malformed, parse
from workers.commands import CommandsWorker, handle
from workers.inbox import Inbox
from workers.outcome import Ack, DeadLetter, Retry, Wait
from workers.policy import MAX_ATTEMPTS


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the backoff, so that no test waits."""
    monkeypatch.setattr(policy, "BACKOFF_S", (0.0,))


CALCULATE = {
    "command": "calculate",
    "conversionId": "c-1",
    "affiliateId": "a-1",
    "campaignId": "k-1",
    "grossAmount": 120.5,
    "currency": "USD",
}


REPEATED = DeadLetter(
    "refused", "conversion c-1 already has commission x, calculated with another grossAmount; nothing was changed"
)


class Answering:
    settings = Settings()

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[Command] = []

    def send(self, command: Command) -> None:
        self.sent.append(command)
        if self.error:
            raise self.error


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    engine = connect(url)
    upgrade(engine)
    engine.dispose()
    with Application(Settings(home=tmp_path, stack="external", database_url=url), pool_size=1) as application:
        yield application


def encoded(**changes: Any) -> bytes:
    body = {**CALCULATE, **changes}
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


def test_an_amount_is_parsed_exactly() -> None:
    command = parse(
        b'{"command":"calculate","conversionId":"c","affiliateId":"a","campaignId":"k","grossAmount":0.1,"currency":"USD"}'
    )
    assert isinstance(command, CalculateCommission)
    assert command.gross_amount == Decimal("0.1")


def test_an_approval_needs_only_its_commission() -> None:
    assert parse(b'{"command":"approve","commissionId":"x"}') == ApproveCommission("x")


@pytest.mark.parametrize(
    "value",
    [
        b"garbage",
        b"[]",
        b"{}",
        b'{"command":"pay"}',
        b'{"command":["calculate"]}',
        b'{"command":"approve"}',
        b'{"command":"approve","commissionId":7}',
        encoded(extra=1),
        encoded(currency=...),
        encoded(grossAmount=True),
        encoded(grossAmount=None),
        encoded(correlationId=5),
        encoded().replace(b"120.5", b"NaN"),
        b"[" * 100_000,
        encoded().replace(b"120.5", b"1e9999999999999999999"),
        encoded().replace(b"120.5", b"1" * 5000),
        encoded(traceparent="a" * 100),
        encoded(traceparent="\ud800"),
        encoded(traceparent="00-trace"),
        encoded(conversionId="\ud800"),
        encoded(**{"\ud800": 1}),
        json.dumps(CALCULATE).encode("utf-16"),
        b'{"command":"approve","commissionId":"x","commissionId":"y"}',
    ],
)
def test_a_message_that_is_no_command_is_malformed(value: bytes) -> None:
    with pytest.raises(Malformed):
        parse(value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, Ack("applied")),
        (DuplicateConversion("c-1", "x"), Ack("duplicate")),
        (DuplicateConversion("c-1", "x", ("grossAmount",)), REPEATED),
        (UnknownCommission("x"), DeadLetter("refused", "no commission x")),
        (DatabaseUnavailable("away"), Wait("away")),
        (UnstorableData("too long"), DeadLetter("bad_data", "too long")),
        (ConcurrentChange("x"), Retry(str(ConcurrentChange("x")))),
        (RuntimeError("x"), Retry("RuntimeError: x")),
        (RecursionError("x"), Retry("RecursionError: x")),
    ],
)
def test_each_error_has_its_outcome(error: Exception | None, expected: object) -> None:
    assert handle(cast(Application, Answering(error)), delivery(encoded())) == expected


def test_a_read_only_instance_refuses_commands_of_the_topic_as_well(tmp_path: Path) -> None:
    sent = Answering(AssertionError("it was sent"))
    sent.settings = Settings(home=tmp_path, read_only=True)
    outcome = handle(cast(Application, sent), delivery(encoded()))
    assert isinstance(outcome, DeadLetter)
    assert (outcome.reason, "read-only" in outcome.detail) == ("refused", True)


def test_a_repeated_command_is_a_duplicate_and_a_different_one_is_dead_lettered(application: Application) -> None:
    assert handle(application, delivery(encoded())) == Ack("applied")
    assert handle(application, delivery(encoded())) == Ack("duplicate")
    assert handle(application, delivery(encoded(grossAmount="120.500"))) == Ack("duplicate")
    for name, value in (("grossAmount", 999), ("affiliateId", "a-2"), ("campaignId", "k-2"), ("currency", "EUR")):
        outcome = handle(application, delivery(encoded(**{name: value})))
        assert isinstance(outcome, DeadLetter), name
        assert outcome.reason == "refused"
        assert name in outcome.detail


def test_the_next_message_is_handled_after_any_hostile_one(application: Application) -> None:
    hostile = [
        b"\xff\xfe",
        b"[" * 100_000,
        encoded().replace(b"120.5", b"1e9999999999999999999"),
        encoded().replace(b"120.5", b"-1e-9999999999999999999"),
        encoded(conversionId="\ud800"),
        encoded(conversionId="\x00"),
        encoded(correlationId="x" * 10_000),
        encoded(traceparent="x" * 10_000, conversionId="t"),
        encoded(traceparent="\ud800", conversionId="t-2"),
        encoded(currency="\udfff"),
        encoded(grossAmount="9" * 10_000),
    ]
    batch = [delivery(value, number) for number, value in enumerate([*hostile, encoded(conversionId="after")])]
    inlet, outlet, stop = ListInlet(batch), ListOutlet(), threading.Event()
    inbox = Inbox(application.engine, "commands")
    CommandsWorker(application, inbox, inlet, outlet, stop).step(0)
    inbox.close()
    assert inlet.acknowledged == [message.message_id for message in batch]
    with application.reading() as connection:
        dead = dead_letter_queries.dead_letters(connection, limit=100)
        assert queries.commission_by_conversion(connection, "after") is not None
        assert queries.count_outbox(connection) + len(dead) == len(batch)
    assert len(outlet.sent) == len(dead)


def test_a_command_that_always_fails_is_dead_lettered_and_the_next_one_is_handled(application: Application) -> None:
    send = application.send

    def failing(command: Command) -> CommissionResult:
        if isinstance(command, CalculateCommission) and command.conversion_id == "bad":
            raise RuntimeError("always")
        return send(command)

    application.send = failing  # type: ignore[method-assign]
    batch = [delivery(encoded(conversionId=name), number) for number, name in enumerate(("bad", "good"))]
    inlet = ListInlet(batch)
    inbox = Inbox(application.engine, "commands")
    CommandsWorker(application, inbox, inlet, ListOutlet(), threading.Event()).step(0)
    inbox.close()
    with application.reading() as connection:
        (dead,) = dead_letter_queries.dead_letters(connection)
        assert (dead.reason, dead.attempts) == ("failed_too_often", MAX_ATTEMPTS)
        assert queries.commission_by_conversion(connection, "good") is not None
    assert len(inlet.acknowledged) == 2


def test_a_malformed_message_never_reaches_the_domain() -> None:
    application = Answering()
    outcome = handle(cast(Application, application), delivery(b"garbage"))
    assert isinstance(outcome, DeadLetter)
    assert outcome.reason == "malformed_command"
    assert application.sent == []


def test_the_schema_accepts_and_refuses_the_same_commands_as_the_parser() -> None:
    path: Path = REPOSITORY / "docs" / "contracts" / "commands.schema.json"
    schema = json.loads(path.read_text())
    jsonschema.validate(CALCULATE, schema)
    jsonschema.validate({"command": "approve", "commissionId": "x"}, schema)
    wrong_traces = [{**CALCULATE, "traceparent": trace} for trace in ("a" * 100, "00-trace", "")]
    for wrong in (
        {"command": "approve"}, {**CALCULATE, "extra": 1}, {**CALCULATE, "grossAmount": True}, *wrong_traces
    ):  # fmt: skip
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
