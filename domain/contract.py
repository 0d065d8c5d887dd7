"""Check lengths, characters, numbers, nesting and size of everything that is stored or sent.

A value is refused here when SQLite, MySQL, a JSON message, the audit file and `jq` would not all keep it unchanged. Commands
are checked when they arrive; envelopes, notifications and dead letters when they leave. The schemas in docs/contracts and the
lengths of the tables' columns state the same rules; a test compares them.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from domain import json_text
from domain.json_text import ContractError as ContractError
from domain.json_text import UnusableNumber as UnusableNumber
from domain.message import Message

IDENTIFIER_LENGTH = 64
IDENTIFIER_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:@/+-]*"
_IDENTIFIER = re.compile(IDENTIFIER_PATTERN)

TRACEPARENT_PATTERN = r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
"""W3C Trace Context: version, trace id, parent id and flags; neither id is all zeros."""
_TRACEPARENT = re.compile(TRACEPARENT_PATTERN)

COLUMN_LENGTHS = {
    "id": 36,
    "aggregate_type": 32,
    "aggregate_id": 36,
    "type": 64,
    "correlation_id": 64,
    "traceparent": 64,
}
"""Longest text of each text column of an outbox row, in characters."""
COLUMN_RANGES = {
    "seq": (0, 2**63 - 1),
    "aggregate_version": (1, 2**31 - 1),
    "version": (-(2**31), 2**31 - 1),
}
"""Lowest and highest value of each integer column of an outbox row."""
EARLIEST, LATEST = datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)
"""The range of MySQL's DATETIME."""

PAYLOAD_BYTES = 1_000_000
"""Largest payload as UTF-8 JSON text."""
MESSAGE_BYTES = 2 * PAYLOAD_BYTES + 16_384
"""Largest envelope of a row that keeps the contract: quoted as a JSON text, a payload grows to twice its size at most."""
KEPT_BYTES = 65_536
"""Bytes that a dead letter keeps of a message or row that is too large: it can never succeed, so the rest is not needed."""
BODY_BYTES = 64 * 1024
"""Largest command, as an HTTP body or a message."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffd]")
"""No column may hold these: they break lines in logs and terminals, or are none of a text's own characters (see json_text.NOT_IN_JSON)."""


def check_identifier(value: str) -> None:
    """Check an id that a command gives. Raise ContractError."""
    if not value:
        raise ContractError(Message("field.required"))
    if len(value) > IDENTIFIER_LENGTH:
        raise ContractError(Message("field.too_long", n=IDENTIFIER_LENGTH))
    if not _IDENTIFIER.fullmatch(value):
        raise ContractError(Message("field.identifier"))


def is_traceparent(value: str) -> bool:
    """Return whether a text is a traceparent of W3C Trace Context."""
    return bool(_TRACEPARENT.fullmatch(value))


def check_column(name: str, value: Any) -> None:
    """Check the value of a text, integer or time column of an outbox row. Raise ContractError naming the column."""
    if name in COLUMN_LENGTHS:
        _check_text(name, value, COLUMN_LENGTHS[name])
    elif name in COLUMN_RANGES:
        low, high = COLUMN_RANGES[name]
        if type(value) is not int or not low <= value <= high:
            raise ContractError(f"{name} must be an integer from {low} to {high}, not {json_text.quote(value)}")
    elif name == "occurred_at":
        if not isinstance(value, datetime) or not EARLIEST <= value <= LATEST:
            raise ContractError(f"{name} must be a time of the years 1000 to 9999, not {json_text.quote(value)}")
    else:
        raise LookupError(f"the contract knows no column {name}")


def payload_size_problem(text: str) -> str | None:
    """Return a sentence about a payload of more than PAYLOAD_BYTES, None for any other payload."""
    # A character takes 1 to 4 bytes, so most texts need not be encoded to be measured.
    if len(text) * 4 <= PAYLOAD_BYTES:
        return None
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return None if size <= PAYLOAD_BYTES else f"payload must have at most {PAYLOAD_BYTES} bytes, not {size}"


def check_encodable(name: str, value: Any) -> None:
    """Raise ContractError unless the value is a text that can be encoded as UTF-8."""
    if not isinstance(value, str):
        raise ContractError(f"{name} must be a text, not {json_text.quote(value)}")
    if not value.isascii() and json_text.SURROGATE.search(value):
        raise ContractError(f"{name} is not UTF-8: {json_text.quote(value)}")


def truncate_body(body: bytes) -> bytes:
    """Return the bytes of a message that its dead letter keeps: all of them, or the first ones of a message that is too large."""
    return body if len(body) <= MESSAGE_BYTES else body[:KEPT_BYTES]


def check_payload_text(text: Any) -> None:
    """Check type, size and characters of a payload before it is parsed. Raise ContractError."""
    if not isinstance(text, str):
        raise ContractError(f"payload must be a text, not {json_text.quote(text)}")
    if problem := payload_size_problem(text):
        raise ContractError(problem)
    json_text.check_characters(text, json_text.NOT_IN_JSON)


def read_payload(text: str) -> Any:
    """Return an event's payload, parsed. Raise ContractError when JSON readers would not agree on its value."""
    check_payload_text(text)
    document = json_text.parse(text, json_text.PAYLOADS)
    json_text.check_document(document, text, json_text.NOT_IN_JSON)
    return document


def read_command(raw: bytes) -> Any:
    """Return the JSON body of a command, with numbers as int, Decimal or UnusableNumber. Raise ContractError.

    A NUL is accepted here: the check of the field that holds it refuses it and names the field.
    """
    text = _decode_utf8(raw)
    document = json_text.parse(text, json_text.COMMANDS)
    json_text.check_document(document, text, json_text.SURROGATE)
    return document


def read_envelope(raw: bytes) -> Any:
    """Return the JSON of a message; the caller checks its fields. Raise ContractError."""
    return json_text.parse(_decode_utf8(raw), json_text.ENVELOPES)


def _decode_utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(f"not UTF-8: byte {error.start} is {raw[error.start]:#04x}") from None


def _check_text(name: str, value: Any, max_length: int) -> None:
    if not isinstance(value, str) or not value or len(value) > max_length:
        raise ContractError(f"{name} must be a text of 1 to {max_length} characters, not {json_text.quote(value)}")
    # Most texts are printable ASCII and need no search.
    if not (value.isascii() and value.isprintable()) and _CONTROL.search(value):
        raise ContractError(
            f"{name} holds a control character, half a surrogate pair or U+FFFD: {json_text.quote(value)}"
        )
