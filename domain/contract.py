"""What may be committed, and so what may arrive: lengths, characters, numbers, nesting and size of everything stored or sent.

Whatever is refused here cannot be carried unchanged by every one of SQLite, MySQL, a JSON message, the audit file and
`jq`. Commands are checked on their way in; envelopes, notifications and dead letters on their way out.
The schemas in docs/contracts say the same, and so do the lengths of the tables' columns; a test compares them.
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

IDENTIFIER_LENGTH = 64
IDENTIFIER_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:@/+-]*"
IDENTIFIER_RULE = "may hold letters, digits and . _ : @ / + - and starts with a letter or digit"
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
"""Largest envelope of a row that keeps the contract: as a JSON text within JSON a payload doubles at most."""
KEPT_BYTES = 65_536
"""So much of a message or row that is larger than it may be is kept with its dead letter: it can never succeed."""
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
"""Longest spelling of a number that is looked at: all digits of a double in that range are fewer."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""No column holds these: they break lines in logs and terminals, or are no characters (halves of surrogate pairs)."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNCARRIED = re.compile("[\x00\ud800-\udfff]")
"""No JSON text holds these: NUL ends a text for SQLite's functions, half a surrogate pair is not UTF-8."""


class ContractError(ValueError):
    """A value that may not be committed; `str(error)` says why, in ASCII."""


@dataclass(frozen=True, slots=True)
class UnusableNumber:
    """Stands in a parsed command for a number that no field takes, so that its field can refuse it by name."""

    literal: str


def check_identifier(value: str) -> None:
    """An id that a command gives. Raises ContractError."""
    if not value:
        raise ContractError("is required")
    if len(value) > IDENTIFIER_LENGTH:
        raise ContractError(f"must have at most {IDENTIFIER_LENGTH} characters")
    if not _IDENTIFIER.fullmatch(value):
        raise ContractError(IDENTIFIER_RULE)


def is_traceparent(value: str) -> bool:
    return bool(_TRACEPARENT.fullmatch(value))


def check_column(name: str, value: Any) -> None:
    """The value of a text, integer or time column of an outbox row. Raises ContractError naming the column."""
    if name in COLUMN_LENGTHS:
        _check_text(name, value, COLUMN_LENGTHS[name])
    elif name in COLUMN_RANGES:
        low, high = COLUMN_RANGES[name]
        if type(value) is not int or not low <= value <= high:
            raise ContractError(f"{name} must be an integer from {low} to {high}, not {_shown(value)}")
    elif name == "occurred_at":
        if not isinstance(value, datetime) or not EARLIEST <= value <= LATEST:
            raise ContractError(f"{name} must be a time of the years 1000 to 9999, not {_shown(value)}")
    else:
        raise LookupError(f"the contract knows no column {name}")


def payload_size_problem(text: str) -> str | None:
    """What is wrong with a payload of more than PAYLOAD_BYTES, in a sentence; None for any other."""
    # A character takes 1 to 4 bytes, so most texts need not be encoded to be measured.
    if len(text) * 4 <= PAYLOAD_BYTES:
        return None
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return None if size <= PAYLOAD_BYTES else f"payload must have at most {PAYLOAD_BYTES} bytes, not {size}"


def check_encodable(name: str, value: Any) -> None:
    """Raises ContractError for what is no text of Unicode characters."""
    if not isinstance(value, str):
        raise ContractError(f"{name} must be a text, not {_shown(value)}")
    if not value.isascii() and _SURROGATE.search(value):
        raise ContractError(f"{name} is not UTF-8: {_shown(value)}")


def kept_body(body: bytes) -> bytes:
    """What is kept of a message with its dead letter: all of it, but of one too large to succeed the beginning."""
    return body if len(body) <= MESSAGE_BYTES else body[:KEPT_BYTES]


def check_payload_text(text: Any) -> None:
    """Type, size and characters of a payload, before it is parsed. Raises ContractError."""
    if not isinstance(text, str):
        raise ContractError(f"payload must be a text, not {_shown(text)}")
    if problem := payload_size_problem(text):
        raise ContractError(problem)
    _check_characters(text, _UNCARRIED)


def read_payload(text: str) -> Any:
    """The JSON document of an event. Raises ContractError for one that not everything reads the same."""
    check_payload_text(text)
    document = _parsed(text, _exact_number)
    _check_document(document, _UNCARRIED)
    return document


def read_command(raw: bytes) -> Any:
    """The JSON body of a command: numbers as int or Decimal, or UnusableNumber. Raises ContractError.

    A NUL passes: the field that holds it is refused by name.
    """
    document = _parsed(_utf8(raw), _command_number)
    _check_document(document, _SURROGATE)
    return document


def read_envelope(raw: bytes) -> Any:
    """The JSON of a message whose fields are checked one by one. Raises ContractError."""
    return _parsed(_utf8(raw), _any_number)


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(f"not UTF-8: byte {error.start} is {raw[error.start]:#04x}") from None


def _parsed(text: str, number: Callable[[str], Any]) -> Any:
    try:
        return json.loads(
            text, parse_int=number, parse_float=number, parse_constant=_refuse_constant, object_pairs_hook=_object
        )
    except RecursionError:
        raise ContractError(f"nested more than {DEPTH} levels deep") from None
    except ContractError:
        raise
    except ValueError as error:
        raise ContractError(f"not JSON: {ascii(str(error))[1:-1]:.200}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Readers differ in which of the two they keep.
        raise ContractError("an object has the same key twice")
    return members


def _refuse_constant(name: str) -> Any:
    raise ContractError(f"not JSON: {name} is not a number")


def _exact_number(literal: str) -> int | float:
    if not _kept_by_a_double(literal):
        raise ContractError(
            f"the number {literal[:40]} is not read the same everywhere: at most {NUMBER_DIGITS} significant digits,"
            f" below 1e{NUMBER_DIGITS} and with at most {NUMBER_DECIMALS} decimals"
        )
    return int(literal) if _is_integer(literal) else float(literal)


def _command_number(literal: str) -> int | Decimal | UnusableNumber:
    if len(literal) > LITERAL_LENGTH or not _NUMBER.fullmatch(literal):
        return UnusableNumber(literal[:40])
    return int(literal) if _is_integer(literal) else Decimal(literal)


def _any_number(literal: str) -> int | float:
    if len(literal) > LITERAL_LENGTH:
        raise ContractError(f"the number {literal[:40]}... has {len(literal)} digits")
    number = int(literal) if _is_integer(literal) else float(literal)
    if number in (math.inf, -math.inf):
        raise ContractError(f"the number {literal[:40]} is too large")
    return number


def _is_integer(literal: str) -> bool:
    return literal.lstrip("-").isdigit()


def _kept_by_a_double(literal: str) -> bool:
    """Whether a number comes back from a binary double, by whatever library it was read and written.

    It may be spelled as somebody wrote it (0.1) or, as Debezium does, by all the digits of the double nearest to it.
    """
    if len(literal) > LITERAL_LENGTH or not _NUMBER.fullmatch(literal):
        return False
    double, written = float(literal), Decimal(literal)
    shortest = Decimal(repr(double))
    if not math.isfinite(double) or written not in (shortest, Decimal(double)):
        return False
    _, digits, exponent = shortest.normalize().as_tuple()
    in_range = isinstance(exponent, int) and exponent >= -NUMBER_DECIMALS and len(digits) + exponent <= NUMBER_DIGITS
    return not double or (len(digits) <= NUMBER_DIGITS and in_range)


def _check_document(document: Any, refused: re.Pattern[str]) -> None:
    """Characters, keys and depth of a parsed JSON document, without recursion. Raises ContractError."""
    waiting: list[tuple[Any, int]] = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            _check_characters(value, refused)
        elif isinstance(value, dict | list):
            if depth == DEPTH:
                raise ContractError(f"nested more than {DEPTH} levels deep")
            if isinstance(value, dict):
                for key in value:
                    _check_characters(key, refused)
                    if len(key) > KEY_LENGTH:
                        raise ContractError(f"a key has more than {KEY_LENGTH} characters: {_shown(key)}")
            members = value.values() if isinstance(value, dict) else value
            waiting.extend((member, depth + 1) for member in members)


def _check_characters(text: str, refused: re.Pattern[str]) -> None:
    # ASCII texts are by far the most, and hold no surrogate.
    if (not text.isascii() or "\0" in text) and (bad := refused.search(text)):
        what = "NUL" if bad.group() == "\0" else "half a surrogate pair"
        raise ContractError(f"a text holds {what}, which not every database and reader keeps: {_shown(text)}")


def _check_text(name: str, value: Any, longest: int) -> None:
    if not isinstance(value, str) or not value or len(value) > longest:
        raise ContractError(f"{name} must be a text of 1 to {longest} characters, not {_shown(value)}")
    if _CONTROL.search(value):
        raise ContractError(f"{name} holds a control character or half a surrogate pair: {_shown(value)}")


def _shown(value: Any) -> str:
    """A value for a message: bounded, in ASCII, so that whatever writes it can write it."""
    shown = ascii(value[:60] if isinstance(value, str | bytes) else value)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."
