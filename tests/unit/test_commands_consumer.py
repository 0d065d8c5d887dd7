"""Commands from the topic: parsed strictly, a repetition harmless, the hopeless dead-lettered."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from application import Application
from db.errors import DatabaseUnavailable
from domain.commands import ApproveCommission, CalculateCommission, Command
from domain.errors import DuplicateConversion, UnknownCommission
from settings.model import REPOSITORY
from tests.builders import delivery
from workers.command_message import Malformed, parse
from workers.commands import handle
from workers.outcome import Ack, DeadLetter, Retry

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
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[Command] = []

    def send(self, command: Command) -> None:
        self.sent.append(command)
        if self.error:
            raise self.error


def encoded(**changes: Any) -> bytes:
    body = {**CALCULATE, **changes}
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


def test_a_number_is_read_exactly() -> None:
    found = parse(
        b'{"command":"calculate","conversionId":"c","affiliateId":"a","campaignId":"k","grossAmount":0.1,"currency":"USD"}'
    )
    assert isinstance(found, CalculateCommission)
    assert found.gross_amount == Decimal("0.1")


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
def test_what_is_no_command_is_malformed(value: bytes) -> None:
    with pytest.raises(Malformed):
        parse(value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, Ack("applied")),
        (DuplicateConversion("c-1", "x"), Ack("duplicate")),
        (DuplicateConversion("c-1", "x", ("grossAmount",)), REPEATED),
        (UnknownCommission("x"), DeadLetter("refused", "no commission x")),
        (DatabaseUnavailable("away"), Retry("away")),
    ],
)
def test_what_becomes_of_a_command(error: Exception | None, expected: object) -> None:
    assert handle(cast(Application, Answering(error)), delivery(encoded())) == expected


def test_what_is_malformed_never_reaches_the_domain() -> None:
    application = Answering()
    outcome = handle(cast(Application, application), delivery(b"garbage"))
    assert isinstance(outcome, DeadLetter)
    assert outcome.reason == "malformed_command"
    assert application.sent == []


def test_the_contract_accepts_what_is_parsed_and_refuses_what_is_not() -> None:
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
