"""Test the contract: every store and reader keeps a value that it accepts; a refusal names the value."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Integer, String, Table

from db.tables import commission, notification, outbox_event
from domain import contract, json_text, money
from domain.changes import event_types
from domain.contract import ContractError, UnusableNumber
from tests.schemas import payload_schema_name, read_schema
from workers.command_message import Malformed, parse

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
NUMBERS = ["0", "-0.0", "1.50", "1e3", "12.345678901234", "999999999999999", "1e-22", "0.1", "100000000000000e0"]
UNEQUAL_NUMBERS = [
    "9007199254740993",
    "1e400",
    "1e9999999999999999999",
    "-1e15",
    "0.1234567890123456",
    "1" * 5000,
    "1e-23",
    "0." + "0" * 200 + "1",
]


@pytest.mark.parametrize("literal", NUMBERS)
def test_a_number_that_a_double_keeps_is_accepted(literal: str) -> None:
    read = contract.read_payload(f'{{"x": {literal}}}')["x"]
    assert Decimal(repr(float(read))) == Decimal(literal)


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(-22, 0))
def test_a_number_may_be_spelled_with_all_the_digits_of_its_double(digits: int, exponent: int) -> None:
    double = float(f"{digits}e{exponent}")
    assert contract.read_payload(f'{{"x": {Decimal(double):f}}}')["x"] == double


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**16), max_value=10**16))
def test_every_accepted_number_survives_a_double(number: Decimal) -> None:
    try:
        read = contract.read_payload(str(number))
    except ContractError:
        return
    assert Decimal(repr(float(read))) == number
    assert Decimal(json.dumps(read)) == number


@pytest.mark.parametrize("literal", UNEQUAL_NUMBERS)
def test_a_number_that_readers_parse_differently_is_refused(literal: str) -> None:
    with pytest.raises(ContractError, match="number"):
        contract.read_payload(f'{{"x": {literal}}}')


@pytest.mark.parametrize(
    "text",
    [
        '"\\ud800"',
        '{"\\udc00": 1}',
        '"\\u0000"',
        '"caf\\ufffd"',
        '{"caf\ufffd": 1}',
        "NaN",
        "-Infinity",
        '{"a": 1, "a": 2}',
        "[" * 65 + "]" * 65,
        "[" * 100_000,
        f'{{"{"k" * 256}": 1}}',
        json.dumps("x" * contract.PAYLOAD_BYTES),
        json.dumps("é" * (contract.PAYLOAD_BYTES // 2), ensure_ascii=False),
        "{",
        "",
        '"\x01"',
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_a_document_that_readers_parse_differently_is_no_payload(text: str) -> None:
    with pytest.raises(ContractError) as refused:
        contract.read_payload(text)
    assert str(refused.value).isascii()
    assert len(str(refused.value)) < 400


def test_the_deepest_and_the_largest_document_are_accepted() -> None:
    contract.read_payload("[" * json_text.DEPTH + "]" * json_text.DEPTH)
    contract.read_payload(json.dumps("x" * (contract.PAYLOAD_BYTES - 2)))


@given(st.binary() | st.text().map(str.encode))
def test_reading_raises_nothing_but_contract_errors(raw: bytes) -> None:
    for read in (contract.read_command, contract.read_envelope):
        with contextlib.suppress(ContractError):
            read(raw)


@given(st.integers(-(10**6), 10**6), st.text("0123456789", min_size=1, max_size=5))
def test_every_number_in_a_command_is_parsed_or_marked_unusable(exponent: int, digits: str) -> None:
    read = contract.read_command(f'{{"grossAmount": {int(digits)}e{exponent}}}'.encode())["grossAmount"]
    assert isinstance(read, Decimal | UnusableNumber)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", "x" * 37),
        ("id", b"x"),
        ("aggregate_type", "x" * 33),
        ("type", "a\nb"),
        ("correlation_id", "a\u2028b"),
        ("correlation_id", "\x9b31m"),
        ("correlation_id", "caf\ufffd"),
        ("traceparent", 7),
        ("seq", -1),
        ("seq", 2**63),
        ("version", True),
        ("version", "1"),
        ("aggregate_version", 0),
        ("occurred_at", datetime(1, 1, 1)),
        ("occurred_at", "yesterday"),
    ],
)
def test_the_refusal_of_a_column_names_it(name: str, value: Any) -> None:
    with pytest.raises(ContractError, match=name):
        contract.check_column(name, value)


@pytest.mark.parametrize("value", [TRACE, f"01-{'0' * 31}1-{'0' * 15}1-00"])
def test_a_w3c_traceparent_is_accepted(value: str) -> None:
    assert contract.is_traceparent(value)


@pytest.mark.parametrize(
    "value",
    ["", "00-trace", TRACE.upper(), TRACE + "\n", TRACE + "-x", TRACE.replace("a", "0"), TRACE.replace("b", "0"),
     "ff" + TRACE[2:], "a" * 100, "\ud800"],
)  # fmt: skip
def test_a_text_that_is_no_w3c_traceparent_is_refused(value: str) -> None:
    assert not contract.is_traceparent(value)


def test_the_columns_of_the_tables_have_the_lengths_of_the_contract() -> None:
    for column in outbox_event.columns:
        if isinstance(column.type, String):
            assert contract.COLUMN_LENGTHS[column.name] == column.type.length
        elif isinstance(column.type, Integer) and column.name != "seq":
            highest = 2**63 - 1 if isinstance(column.type, BigInteger) else 2**31 - 1
            assert contract.COLUMN_RANGES[column.name][1] == highest
    outbox_columns = {
        "event_id": "id",
        "commission_id": "aggregate_id",
        "type": "type",
        "correlation_id": "correlation_id",
    }
    for name, outbox_column in outbox_columns.items():
        assert length(notification, name) == contract.COLUMN_LENGTHS[outbox_column]
    for name in ("conversion_id", "affiliate_id", "campaign_id"):
        assert length(commission, name) == contract.IDENTIFIER_LENGTH


def length(table: Table, name: str) -> int | None:
    kind = table.c[name].type
    assert isinstance(kind, String)
    return kind.length


def test_the_schema_of_the_envelope_states_the_same_limits() -> None:
    columns = read_schema("envelope")["properties"]["after"]["properties"]
    for name, length in contract.COLUMN_LENGTHS.items():
        assert (columns[name]["maxLength"], columns[name]["minLength"]) == (length, 1), name
    for name, (low, high) in contract.COLUMN_RANGES.items():
        assert (columns[name]["minimum"], columns[name]["maximum"]) == (low, high), name
    assert columns["payload"]["maxLength"] == contract.PAYLOAD_BYTES


def test_the_schema_of_commands_states_the_same_limits() -> None:
    for form in read_schema("commands")["oneOf"]:
        for name, rule in form["properties"].items():
            if name == "traceparent":
                assert rule["pattern"] == f"^{contract.TRACEPARENT_PATTERN}$"
            elif name == "grossAmount":
                assert rule["anyOf"][0]["maximum"] == int(money.MAX_AMOUNT)
            elif name not in ("command", "currency"):
                assert (rule["minLength"], rule["maxLength"]) == (1, contract.IDENTIFIER_LENGTH), name
                assert rule["pattern"] == f"^{contract.IDENTIFIER_PATTERN}$", name


def test_the_schemas_of_payloads_state_the_same_limits() -> None:
    for event in event_types().values():
        ids = read_schema(payload_schema_name(event))["properties"]
        assert ids["commissionId"]["maxLength"] == contract.COLUMN_LENGTHS["aggregate_id"]
        for field in {"conversionId", "affiliateId", "campaignId"} & set(ids):
            assert ids[field]["maxLength"] == contract.IDENTIFIER_LENGTH


def test_a_command_larger_than_an_http_body_is_malformed() -> None:
    with pytest.raises(Malformed, match="bytes"):
        parse(b'{"command":"approve","commissionId":"' + b"x" * contract.BODY_BYTES + b'"}')
