"""Test the envelope: the relay writes what Debezium writes, and decoding never raises."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import envelope
from connectors.envelope import Inserted, Skipped, Unreadable
from domain.changes import event_types
from tests.builders import record
from tests.schemas import CONTRACTS, payload_schema_name, read_schema

GOLDEN = sorted((CONTRACTS / "golden").glob("*.json"))
OF_CONNECTORS = [path for path in GOLDEN if "nar" in path.stem]
(OF_SERVER,) = [path for path in GOLDEN if "nar" not in path.stem]
texts = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=36)
"""What the contract takes in an id: no control characters, no line separators, no half surrogate pairs."""


@given(texts, texts, st.integers(1, 2**40), st.none() | texts)
def test_decoding_returns_the_encoded_record(id: str, aggregate: str, seq: int, traceparent: str | None) -> None:
    original = record(seq, aggregate, id=id, traceparent=traceparent)
    key, value = envelope.encode(original, 1_700_000_000_123)
    assert envelope.decode(value) == Inserted(original, "c", 1_700_000_000_123_000)
    assert envelope.decode_key(key) == aggregate


@pytest.mark.parametrize("path", OF_CONNECTORS, ids=lambda path: path.stem)
def test_the_message_of_the_relay_equals_debeziums_field_by_field(path: Path) -> None:
    for message in json.loads(path.read_text()):
        captured = json.loads(message["value"])
        decoded = envelope.decode(message["value"].encode())
        assert isinstance(decoded, Inserted)
        key, value = envelope.encode(decoded.record, captured["ts_ms"])
        ours = json.loads(value)
        assert key == message["key"]
        assert {**ours, "source": None} == {**captured, "source": None}
        assert list(ours) == list(captured)
        assert [(name, type(field)) for name, field in ours["after"].items()] == [
            (name, type(field)) for name, field in captured["after"].items()
        ]
        same = ("name", "db", "table", "snapshot", "query", "gtid", "sequence", "row")
        assert {name: ours["source"][name] for name in same} == {name: captured["source"][name] for name in same}
        assert list(ours["source"]) == list(captured["source"])


def test_there_is_a_golden_message_of_each_connector() -> None:
    assert [path.stem for path in GOLDEN] == ["debezium-nar-3.1.2", "debezium-nar-4.0.8", "debezium-server-3.6.3"]


def test_debezium_server_differs_in_its_key_its_clocks_and_its_order() -> None:
    for message in json.loads(OF_SERVER.read_text()):
        captured = json.loads(message["value"])
        decoded = envelope.decode(message["value"].encode())
        assert isinstance(decoded, Inserted)
        key, value = envelope.encode(decoded.record, captured["ts_ms"])
        ours = json.loads(value)
        assert captured["after"] == ours["after"]
        assert set(captured) - set(ours) == {"ts_us", "ts_ns"} == set(captured["source"]) - set(ours["source"])
        assert set(ours) <= set(captured)
        assert message["key"] == json.dumps({"aggregate_id": decoded.record.aggregate_id}, separators=(",", ":"))
        assert envelope.decode_key(message["key"]) == envelope.decode_key(key) == decoded.record.aggregate_id


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_messages_and_messages_of_the_relay_keep_the_contract(path: Path) -> None:
    import base64

    for message in json.loads(path.read_text()):
        captured = json.loads(message["value"])
        jsonschema.validate(captured, read_schema("envelope"))
        key = message["key"] if path == OF_SERVER else base64.b64decode(message["key"])
        jsonschema.validate(json.loads(key), read_schema("key"))
        event = event_types()[captured["after"]["type"]]
        jsonschema.validate(json.loads(captured["after"]["payload"]), read_schema(payload_schema_name(event)))
    jsonschema.validate(json.loads(envelope.encode(record(), 1)[1]), read_schema("envelope"))


@pytest.mark.parametrize(("value", "op"), [(b"", "tombstone"), (b"null", "tombstone")])
def test_a_tombstone_is_skipped(value: bytes, op: str) -> None:
    assert envelope.decode(value) == Skipped(op)  # type: ignore[arg-type]


@pytest.mark.parametrize("op", ["u", "d", "t"])
def test_updates_deletes_and_truncates_are_skipped(op: str) -> None:
    assert envelope.decode(changed(op=op)) == Skipped(op)  # type: ignore[arg-type]


def test_a_snapshot_row_counts_as_inserted() -> None:
    decoded = envelope.decode(changed(op="r"))
    assert isinstance(decoded, Inserted)
    assert decoded.op == "r"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"garbage", "not_an_envelope"),
        (b"\xff\xfe", "not_an_envelope"),
        (b"[" * 100_000, "not_an_envelope"),
        (b"7", "not_an_envelope"),
        (b"{}", "not_an_envelope"),
        (b'{"op":"c","source":{"table":"commission"}}', "another_table"),
        (b'{"op":"x","source":{"table":"outbox_event"}}', "not_an_envelope"),
        (b'{"op":"c","source":{"table":"outbox_event"}}', "bad_row"),
        (b'{"op":"c","source":{"table":"outbox_event"},"after":{"seq":1}}', "bad_row"),
    ],
)
def test_a_message_that_is_no_envelope_has_its_reason(value: bytes, reason: str) -> None:
    decoded = envelope.decode(value)
    assert isinstance(decoded, Unreadable)
    assert decoded.reason == reason


@pytest.mark.parametrize(
    ("field", "value"),
    [("seq", "1"), ("seq", True), ("id", 7), ("id", "x" * 65), ("occurred_at", 10**30), ("payload", {})],
)
def test_a_row_of_the_wrong_shape_is_unreadable(field: str, value: object) -> None:
    envelope_of = json.loads(changed())
    envelope_of["after"][field] = value
    assert isinstance(envelope.decode(json.dumps(envelope_of).encode()), Unreadable)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_decoding_never_raises(value: bytes) -> None:
    assert envelope.describe(envelope.decode(value))


@pytest.mark.parametrize("key", ["", "not base64", "e30=", "W10=", "bnVsbA==", "eyJhZ2dyZWdhdGVfaWQiOjF9"])
def test_a_foreign_key_names_no_aggregate(key: str) -> None:
    assert envelope.decode_key(key) is None


def changed(**changes: object) -> bytes:
    decoded = json.loads(envelope.encode(record(), 1)[1])
    return json.dumps({**decoded, **changes}).encode()
