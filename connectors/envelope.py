"""Encode and decode the CDC envelope: Debezium's JSON (converter without schemas) for a row of `outbox_event`.

The contract is docs/contracts/envelope.schema.json with the golden messages beside it, captured from Debezium 1.9.7.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, assert_never

from domain import clock, contract
from domain.outbox import OutboxRecord

TABLE = "outbox_event"
DATABASE = "alpes"
SERVER_NAME = "alpes-mysql"

Reason = Literal["not_an_envelope", "another_table", "bad_row"]


@dataclass(frozen=True, slots=True)
class Inserted:
    """A row that was inserted (`c`) or read by a snapshot (`r`)."""

    record: OutboxRecord
    op: Literal["c", "r"]
    captured_us: int
    """When capture read the row: the envelope's `ts_ms`, in whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message without a new event: update, delete, truncate, or a tombstone."""

    op: Literal["u", "d", "t", "tombstone"]


@dataclass(frozen=True, slots=True)
class EventReference:
    """The event that an envelope names although its row breaks the contract."""

    id: str
    correlation_id: str | None
    aggregate_id: str | None
    seq: int | None
    op: Literal["c", "r"]


NamedEvent = OutboxRecord | EventReference
"""Anything with an event's `id` and `correlation_id`."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that cannot be read as an event."""

    reason: Reason
    detail: str
    event: EventReference | None = None
    """The event that the message names, if any."""


Decoded = Inserted | Skipped | Unreadable


def encode(record: OutboxRecord, now_ms: int) -> tuple[str, bytes]:
    """Return the message key (Base64 of the JSON key, as the Debezium source writes it) and the envelope.

    `source` names the relay and the row's `seq` where Debezium names the binlog file and position.
    Raise TypeError, ValueError or AttributeError for a record with values that JSON cannot represent.
    """
    key = base64.b64encode(_encode_json({"aggregate_id": record.aggregate_id})).decode("ascii")
    envelope = {
        "before": None,
        "after": {
            "seq": record.seq,
            "id": record.id,
            "aggregate_type": record.aggregate_type,
            "aggregate_id": record.aggregate_id,
            "aggregate_version": record.aggregate_version,
            "type": record.type,
            "version": record.version,
            "payload": record.payload,
            "correlation_id": record.correlation_id,
            "traceparent": record.traceparent,
            "occurred_at": clock.epoch_us(record.occurred_at),
        },
        "source": {
            "version": _own_version(),
            "connector": "alpes-relay",
            "name": SERVER_NAME,
            "ts_ms": clock.epoch_us(record.occurred_at) // 1000,
            "snapshot": "false",
            "db": DATABASE,
            "sequence": None,
            "table": TABLE,
            "server_id": 0,
            "gtid": None,
            "file": TABLE,
            "pos": record.seq,
            "row": 0,
            "thread": None,
            "query": None,
        },
        "op": "c",
        "ts_ms": now_ms,
        "transaction": None,
    }
    return key, _encode_json(envelope)


def decode(value: bytes) -> Decoded:
    """Return the contents of a message of the topics of events. Raise nothing."""
    if not value or value == b"null":
        return Skipped("tombstone")
    try:
        envelope = contract.read_envelope(value)
    except contract.ContractError as error:
        return Unreadable("not_an_envelope", str(error)[:500])
    if not isinstance(envelope, dict) or not isinstance(envelope.get("source"), dict) or "op" not in envelope:
        return Unreadable("not_an_envelope", "no `op` and `source`, which every Debezium envelope has")
    if envelope["source"].get("table") != TABLE:
        return Unreadable("another_table", f"of table {envelope['source'].get('table')!a:.100}, not {TABLE}")
    match envelope["op"]:
        case "c" | "r" as op:
            return _decode_insert(envelope, op)
        case "u" | "d" | "t" as op:
            return Skipped(op)
        case other:
            return Unreadable("not_an_envelope", f"unknown op {other!a:.100}")


def decode_key(key: str) -> str | None:
    """Return the aggregate id in a message key, None for a key of another form.

    A key is JSON, as Debezium Server writes it, or its Base64, as the Debezium source in Pulsar does. None is both: `{` is no
    character of Base64.
    """
    try:
        decoded = contract.read_envelope(
            key.encode("utf-8") if key.startswith("{") else base64.b64decode(key, validate=True)
        )
        aggregate_id = decoded.get("aggregate_id") if isinstance(decoded, dict) else None
        contract.check_column("aggregate_id", aggregate_id)
    except ValueError:
        return None
    return str(aggregate_id)


def describe(decoded: Decoded) -> str:
    """Return the type of event, or a word or two on why there is none, for logs and the feed."""
    match decoded:
        case Inserted():
            return decoded.record.type
        case Skipped():
            return f"skipped {decoded.op}"
        case Unreadable():
            return decoded.reason
        case _:
            assert_never(decoded)


def _decode_insert(envelope: dict[str, Any], op: Literal["c", "r"]) -> Decoded:
    after = envelope.get("after")
    if not isinstance(after, dict):
        return Unreadable("bad_row", f"op {op} without `after`")
    try:
        captured_us = _read_integer(envelope, "ts_ms", 2**53) * 1000
        record = _read_record(after)
    except contract.ContractError as error:
        return Unreadable("bad_row", str(error)[:500], _read_reference(after, op))
    return Inserted(record, op, captured_us)


def _read_record(after: dict[str, Any]) -> OutboxRecord:
    missing = [name for name in OutboxRecord.__slots__ if name != "traceparent" and after.get(name) is None]
    if missing:
        raise contract.ContractError(f"`after` lacks {', '.join(missing)}")
    values: dict[str, Any] = {name: after.get(name) for name in OutboxRecord.__slots__}
    contract.check_payload_text(values["payload"])
    values["occurred_at"] = _read_time(_read_integer(after, "occurred_at", 2**63 - 1))
    for name, value in values.items():
        if name != "payload" and not (name == "traceparent" and value is None):
            contract.check_column(name, value)
    return OutboxRecord(**values)


def _read_reference(after: dict[str, Any], op: Literal["c", "r"]) -> EventReference | None:
    """Return the event that a malformed row names, None without an id that a database stores."""

    def get_valid(name: str) -> Any:
        try:
            contract.check_column(name, after.get(name))
        except contract.ContractError:
            return None
        return after[name]

    event_id: Any = after.get("id")
    try:
        contract.check_encodable("id", event_id)
    except contract.ContractError:
        return None
    if len(event_id) > contract.COLUMN_LENGTHS["id"]:
        return None  # an id that breaks the contract in another way still names its row
    return EventReference(event_id, get_valid("correlation_id"), get_valid("aggregate_id"), get_valid("seq"), op)


def _read_integer(row: dict[str, Any], name: str, highest: int) -> int:
    value = row.get(name)
    if type(value) is not int or not -highest - 1 <= value <= highest:
        raise contract.ContractError(f"{name} must be an integer of at most {highest}, not {value!a:.60}")
    return value


def _read_time(microseconds: int) -> datetime:
    try:
        return clock.from_epoch_us(microseconds)
    except OverflowError:
        raise contract.ContractError("occurred_at must be a time of the years 1000 to 9999") from None


def now_ms() -> int:
    """Return the present time in milliseconds since the epoch."""
    return int(datetime.now(UTC).timestamp() * 1000)


def _encode_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


@cache  # reading the package's metadata takes longer than all else that is done for a message
def _own_version() -> str:
    try:
        return version("alpes-commissions")
    except PackageNotFoundError:
        return "0.1.0"
