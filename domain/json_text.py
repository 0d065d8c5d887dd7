"""Decode JSON texts strictly: what readers would not agree on, or a database would not keep, is refused.

`domain.contract` says which rules apply to which document.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

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

SURROGATE = re.compile("[\ud800-\udfff]")
NOT_IN_JSON = re.compile("[\x00\ud800-\udfff\ufffd]")
"""No JSON text may hold these: NUL ends a text for SQLite's functions, half a surrogate pair is not UTF-8, and decoders write
U+FFFD in place of bytes that they cannot read. As no sender may write U+FFFD, a message that holds it was damaged on its way.
MySQL, for one, stores the second half of a surrogate pair, and Debezium replaces its three bytes."""


class ContractError(ValueError):
    """A value breaks the contract and may not be committed; `str(error)` says why, in ASCII."""


@dataclass(frozen=True, slots=True)
class UnusableNumber:
    """Stands in a parsed command for a number that no field accepts, so that the refusal can name the field."""

    literal: str


def parse(text: str, decoder: json.JSONDecoder) -> Any:
    """Return the document in a text, read with PAYLOADS, COMMANDS or ENVELOPES. Raise ContractError."""
    try:
        return decoder.decode(text)
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


def _build_stored_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = _build_object(pairs)
    if members and max(map(len, members)) > KEY_LENGTH:
        raise ContractError(f"a key has more than {KEY_LENGTH} characters: {quote(max(members, key=len))}")
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


def _parse_envelope_number(literal: str) -> float:
    number = float(literal) if len(literal) <= LITERAL_LENGTH else _refuse_digits(literal)
    if math.isinf(number):
        raise ContractError(f"the number {literal[:40]} is too large")
    return number


def _parse_envelope_integer(literal: str) -> int:
    return int(literal) if len(literal) <= LITERAL_LENGTH else _refuse_digits(literal)


def _refuse_digits(literal: str) -> NoReturn:
    raise ContractError(f"the number {literal[:40]}... has {len(literal)} digits")


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


def _is_plain(text: str) -> bool:
    """Return whether no text of a JSON document can hold a forbidden character, and it cannot be nested too deep."""
    return text.isascii() and "\\u" not in text and text.count("{") + text.count("[") <= DEPTH


def check_document(document: Any, text: str, forbidden: re.Pattern[str]) -> None:
    """Check characters and depth of a document and its text, without recursion. Raise ContractError."""
    if _is_plain(text):
        return
    waiting: list[tuple[Any, int]] = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            check_characters(value, forbidden)
        elif isinstance(value, dict | list):
            if depth == DEPTH:
                raise ContractError(f"nested more than {DEPTH} levels deep")
            if isinstance(value, dict):
                for key in value:
                    check_characters(key, forbidden)
            members = value.values() if isinstance(value, dict) else value
            waiting.extend((member, depth + 1) for member in members)


def check_characters(text: str, forbidden: re.Pattern[str]) -> None:
    """Raise ContractError for a text with a forbidden character."""
    # Most texts are ASCII, which holds no surrogate: they need no search.
    if (not text.isascii() or "\0" in text) and (match := forbidden.search(text)):
        if match.group() == "\ufffd":
            raise ContractError(f"a text holds U+FFFD, which replaces what could not be decoded: {quote(text)}")
        character = "NUL" if match.group() == "\0" else "half a surrogate pair"
        raise ContractError(f"a text holds {character}, which not every database and reader keeps: {quote(text)}")


def quote(value: Any) -> str:
    """Return a value as it appears in an error text: short, and in ASCII, which every log and terminal can write."""
    literal = ascii(value[:60] if isinstance(value, str | bytes) else value)
    return literal if len(literal) <= 80 else f"{literal[:80]}..."


def _make_decoder(
    parse_number: Callable[[str], Any],
    parse_integer: Callable[[str], Any],
    build_object: Callable[[list[tuple[str, Any]]], dict[str, Any]],
) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_float=parse_number,
        parse_int=parse_integer,
        parse_constant=_refuse_constant,
        object_pairs_hook=build_object,
    )


# Made once: `json.loads` makes one at each call, which takes as long as to decode a payload.
PAYLOADS = _make_decoder(_parse_exact_number, _parse_exact_number, _build_stored_object)
COMMANDS = _make_decoder(_parse_command_number, _parse_command_number, _build_stored_object)
ENVELOPES = _make_decoder(_parse_envelope_number, _parse_envelope_integer, _build_object)
