"""The CDC envelope: Debezium's JSON (converter without schemas) for a row of `outbox_event`, both ways. Pure.

Contract: docs/contracts/envelope.schema.json and the golden messages beside it, captured from Debezium 1.9.7.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, assert_never

from domain.outbox import OutboxRecord

TABLE = "outbox_event"
DATABASE = "alpes"
SERVER_NAME = "alpes-mysql"

Reason = Literal["not_an_envelope", "another_table", "bad_row"]
_EPOCH = datetime(1970, 1, 1)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NEEDED = ("seq", "id", "aggregate_type", "aggregate_id", "aggregate_version", "type", "version", "payload")


@dataclass(frozen=True, slots=True)
class Inserted:
    """A row that was inserted (`c`) or read by a snapshot (`r`)."""

    record: OutboxRecord
    op: Literal["c", "r"]
    captured_us: int
    """When capture saw the row: the envelope's `ts_ms`, so in whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message that tells of no new event: update, delete, truncate, or a tombstone."""

    op: Literal["u", "d", "t", "tombstone"]


@dataclass(frozen=True, slots=True)
class Unreadable:
    reason: Reason
    detail: str


Decoded = Inserted | Skipped | Unreadable


def encode(record: OutboxRecord, now_ms: int) -> tuple[str, bytes]:
    """The message key (Base64 of the JSON key, as the Debezium source writes it) and the envelope.

    `source` names the relay and the row's `seq` where Debezium names the binlog file and position.
    """
    key = base64.b64encode(_compact({"aggregate_id": record.aggregate_id})).decode("ascii")
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
            "occurred_at": _microseconds(record.occurred_at),
        },
        "source": {
            "version": _own_version(),
            "connector": "alpes-relay",
            "name": SERVER_NAME,
            "ts_ms": _microseconds(record.occurred_at) // 1000,
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
    return key, _compact(envelope)


def decode(value: bytes) -> Decoded:
    """What a message on the events topic says; never raises."""
    if not value or value == b"null":
        return Skipped("tombstone")
    try:
        envelope = json.loads(value)
    except (ValueError, RecursionError) as error:
        return Unreadable("not_an_envelope", f"not JSON: {error}"[:500])
    if not isinstance(envelope, dict) or not isinstance(envelope.get("source"), dict) or "op" not in envelope:
        return Unreadable("not_an_envelope", "no `op` and `source`, which every Debezium envelope has")
    if envelope["source"].get("table") != TABLE:
        return Unreadable("another_table", f"of table {envelope['source'].get('table')!r:.100}, not {TABLE}")
    match envelope["op"]:
        case "c" | "r" as op:
            return _inserted(envelope, op)
        case "u" | "d" | "t" as op:
            return Skipped(op)
        case other:
            return Unreadable("not_an_envelope", f"unknown op {other!r:.100}")


def decode_key(key: str) -> str | None:
    """The aggregate id that a message key names; None for a key of another form."""
    try:
        decoded = json.loads(base64.b64decode(key, validate=True))
    except (ValueError, RecursionError):
        return None
    found = decoded.get("aggregate_id") if isinstance(decoded, dict) else None
    return found if isinstance(found, str) else None


def describe(decoded: Decoded) -> str:
    """The outcome in a word or two, for logs and the feed."""
    match decoded:
        case Inserted():
            return decoded.record.type
        case Skipped():
            return f"skipped {decoded.op}"
        case Unreadable():
            return decoded.reason
        case _:
            assert_never(decoded)


def _inserted(envelope: dict[str, Any], op: Literal["c", "r"]) -> Decoded:
    after = envelope.get("after")
    if not isinstance(after, dict):
        return Unreadable("bad_row", f"op {op} without `after`")
    missing = [name for name in (*_NEEDED, "correlation_id", "occurred_at") if after.get(name) is None]
    if missing:
        return Unreadable("bad_row", f"`after` lacks {', '.join(missing)}")
    try:
        record = OutboxRecord(
            seq=_integer(after, "seq", most=2**63 - 1),
            id=_text(after, "id", longest=36),
            aggregate_type=_text(after, "aggregate_type"),
            aggregate_id=_text(after, "aggregate_id", longest=36),
            aggregate_version=_integer(after, "aggregate_version"),
            type=_text(after, "type"),
            version=_integer(after, "version"),
            payload=_text(after, "payload", longest=1_000_000),
            correlation_id=_text(after, "correlation_id"),
            traceparent=_text(after, "traceparent") if after.get("traceparent") is not None else None,
            occurred_at=_EPOCH + timedelta(microseconds=_integer(after, "occurred_at", most=2**63 - 1)),
        )
        captured_us = _integer(envelope, "ts_ms", most=2**53) * 1000
    except (TypeError, OverflowError) as error:
        return Unreadable("bad_row", str(error))
    return Inserted(record, op, captured_us)


def _integer(row: dict[str, Any], name: str, most: int = 2**31 - 1) -> int:
    value = row.get(name)
    if type(value) is not int or not -most - 1 <= value <= most:
        raise TypeError(f"{name} must be an integer of at most {most}, not {value!r:.60}")
    return value


def _text(row: dict[str, Any], name: str, longest: int = 64) -> str:
    value = row[name]
    if not isinstance(value, str) or len(value) > longest:
        raise TypeError(f"{name} must be a text of at most {longest} characters, not {value!r:.60}")
    if not value.isascii() and _SURROGATE.search(value):
        raise TypeError(f"{name} holds half a surrogate pair, which is no character: {value!a:.60}")
    return value


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _own_version() -> str:
    try:
        return version("alpes-commissions")
    except PackageNotFoundError:
        return "0.1.0"
