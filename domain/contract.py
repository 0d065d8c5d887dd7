"""Check lengths, characters, numbers, nesting and size of everything that is stored or sent.

A value is refused here when SQLite, MySQL, a JSON message, the audit file and `jq` would not all keep it unchanged. Commands
are checked when they arrive; envelopes, notifications and dead letters when they leave. The schemas in docs/contracts and the
lengths of the tables' columns state the same rules; a test compares them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

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
DEPTH = 64
"""Deepest nesting of a JSON document; MySQL stores 100 levels, `jq` reads 256."""
KEY_LENGTH = 255
"""Longest key of a JSON object in characters; MySQL stores 65,535 bytes."""
NUMBER_DIGITS = 15
"""Significant digits of a payload's number, and its digits before the point: as many as a binary double always keeps.
MySQL and `jq` read every number as a double."""
NUMBER_DECIMALS = 22
"""Its digits after the point: 10**22 is the highest power of ten that a double holds exactly."""
LITERAL_LENGTH = 200
"""Longest spelling of a number that is parsed: a double in that range never needs as many digits."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffd]")
"""No column may hold these: they break lines in logs and terminals, or are none of a text's own characters (see _NOT_IN_JSON)."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_IN_JSON = re.compile("[\x00\ud800-\udfff\ufffd]")
"""No JSON text may hold these: NUL ends a text for SQLite's functions, half a surrogate pair is not UTF-8, and decoders write
U+FFFD in place of bytes that they cannot read. As no sender may write U+FFFD, a message that holds it was damaged on its way.
MySQL, for one, stores the second half of a surrogate pair, and Debezium replaces its three bytes."""


class ContractError(ValueError):
    """A value breaks the contract and may not be committed; `str(error)` says why, in ASCII."""


@dataclass(frozen=True, slots=True)
class UnusableNumber:
    """Stands in a parsed command for a number that no field accepts, so that the refusal can name the field."""

    literal: str


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
            raise ContractError(f"{name} must be an integer from {low} to {high}, not {_quote(value)}")
    elif name == "occurred_at":
        if not isinstance(value, datetime) or not EARLIEST <= value <= LATEST:
            raise ContractError(f"{name} must be a time of the years 1000 to 9999, not {_quote(value)}")
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
        raise ContractError(f"{name} must be a text, not {_quote(value)}")
    if not value.isascii() and _SURROGATE.search(value):
        raise ContractError(f"{name} is not UTF-8: {_quote(value)}")


def truncate_body(body: bytes) -> bytes:
    """Return the bytes of a message that its dead letter keeps: all of them, or the first ones of a message that is too large."""
    return body if len(body) <= MESSAGE_BYTES else body[:KEPT_BYTES]


def check_payload_text(text: Any) -> None:
    """Check type, size and characters of a payload before it is parsed. Raise ContractError."""
    if not isinstance(text, str):
        raise ContractError(f"payload must be a text, not {_quote(text)}")
    if problem := payload_size_problem(text):
        raise ContractError(problem)
    _check_characters(text, _NOT_IN_JSON)


def read_payload(text: str) -> Any:
    """Return an event's payload, parsed. Raise ContractError when JSON readers would not agree on its value."""
    check_payload_text(text)
    document = _parse_json(text, _parse_exact_number)
    _check_document(document, _NOT_IN_JSON)
    return document


def read_command(raw: bytes) -> Any:
    """Return the JSON body of a command, with numbers as int, Decimal or UnusableNumber. Raise ContractError.

    A NUL is accepted here: the check of the field that holds it refuses it and names the field.
    """
    document = _parse_json(_decode_utf8(raw), _parse_command_number)
    _check_document(document, _SURROGATE)
    return document


def read_envelope(raw: bytes) -> Any:
    """Return the JSON of a message; the caller checks its fields. Raise ContractError."""
    return _parse_json(_decode_utf8(raw), _parse_envelope_number)


def _decode_utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(f"not UTF-8: byte {error.start} is {raw[error.start]:#04x}") from None


def _parse_json(text: str, parse_number: Callable[[str], Any]) -> Any:
    try:
        return json.loads(
            text,
            parse_int=parse_number,
            parse_float=parse_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_build_object,
        )
    except RecursionError:
        raise ContractError(f"nested more than {DEPTH} levels deep") from None
    except ContractError:
        raise
    except ValueError as error:
        raise ContractError(f"not JSON: {ascii(str(error))[1:-1]:.200}") from None


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Readers differ in which of the two they keep.
        raise ContractError("an object has the same key twice")
    return members


def _refuse_constant(name: str) -> Any:
    raise ContractError(f"not JSON: {name} is not a number")


def _parse_exact_number(literal: str) -> int | float:
    if not _survives_as_double(literal):
        raise ContractError(
            f"the number {literal[:40]} is not read the same everywhere: at most {NUMBER_DIGITS} significant digits,"
            f" below 1e{NUMBER_DIGITS} and with at most {NUMBER_DECIMALS} decimals"
        )
    return int(literal) if _is_integer(literal) else float(literal)


def _parse_command_number(literal: str) -> int | Decimal | UnusableNumber:
    if len(literal) > LITERAL_LENGTH or not _NUMBER.fullmatch(literal):
        return UnusableNumber(literal[:40])
    return int(literal) if _is_integer(literal) else Decimal(literal)


def _parse_envelope_number(literal: str) -> int | float:
    if len(literal) > LITERAL_LENGTH:
        raise ContractError(f"the number {literal[:40]}... has {len(literal)} digits")
    number = int(literal) if _is_integer(literal) else float(literal)
    if number in (math.inf, -math.inf):
        raise ContractError(f"the number {literal[:40]} is too large")
    return number


def _is_integer(literal: str) -> bool:
    return literal.lstrip("-").isdigit()


def _survives_as_double(literal: str) -> bool:
    """Return whether any library that reads the number as a binary double writes the same number again.

    A number may be spelled in short (0.1) or, as Debezium does, with all the digits of the double nearest to it.
    """
    if len(literal) > LITERAL_LENGTH or not _NUMBER.fullmatch(literal):
        return False
    double, number = float(literal), Decimal(literal)
    shortest = Decimal(repr(double))
    if not math.isfinite(double) or number not in (shortest, Decimal(double)):
        return False
    _, digits, exponent = shortest.normalize().as_tuple()
    in_range = isinstance(exponent, int) and exponent >= -NUMBER_DECIMALS and len(digits) + exponent <= NUMBER_DIGITS
    return not double or (len(digits) <= NUMBER_DIGITS and in_range)


def _check_document(document: Any, forbidden: re.Pattern[str]) -> None:
    """Check characters, keys and depth of a parsed JSON document, without recursion. Raise ContractError."""
    waiting: list[tuple[Any, int]] = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            _check_characters(value, forbidden)
        elif isinstance(value, dict | list):
            if depth == DEPTH:
                raise ContractError(f"nested more than {DEPTH} levels deep")
            if isinstance(value, dict):
                for key in value:
                    _check_characters(key, forbidden)
                    if len(key) > KEY_LENGTH:
                        raise ContractError(f"a key has more than {KEY_LENGTH} characters: {_quote(key)}")
            members = value.values() if isinstance(value, dict) else value
            waiting.extend((member, depth + 1) for member in members)


def _check_characters(text: str, forbidden: re.Pattern[str]) -> None:
    # Most texts are ASCII, which holds no surrogate: they need no search.
    if (not text.isascii() or "\0" in text) and (match := forbidden.search(text)):
        if match.group() == "\ufffd":
            raise ContractError(f"a text holds U+FFFD, which replaces what could not be decoded: {_quote(text)}")
        character = "NUL" if match.group() == "\0" else "half a surrogate pair"
        raise ContractError(f"a text holds {character}, which not every database and reader keeps: {_quote(text)}")


def _check_text(name: str, value: Any, max_length: int) -> None:
    if not isinstance(value, str) or not value or len(value) > max_length:
        raise ContractError(f"{name} must be a text of 1 to {max_length} characters, not {_quote(value)}")
    if _CONTROL.search(value):
        raise ContractError(f"{name} holds a control character, half a surrogate pair or U+FFFD: {_quote(value)}")


def _quote(value: Any) -> str:
    """Return a value as it appears in an error text: short, and in ASCII, which every log and terminal can write."""
    literal = ascii(value[:60] if isinstance(value, str | bytes) else value)
    return literal if len(literal) <= 80 else f"{literal[:80]}..."
