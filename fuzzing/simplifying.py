"""Generate simpler variants of an input for the shrinker, the largest steps first. This module is pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from fuzzing import row_generator
from fuzzing.inputs import Input, Message, Request, Row
from fuzzing.json_text import Members, encode, parse

MAX_PIECES = 16
"""Bytes or members are omitted in halves, quarters, …, down to this many pieces."""
LONG_TEXT = 24


def simpler_inputs(fuzz_input: Input) -> Iterator[Input]:
    """Yield inputs that are a little simpler; each differs from the original."""
    match fuzz_input:
        case Request():
            yield from _simplify_request(fuzz_input)
        case Message():
            if fuzz_input.properties:
                yield replace(fuzz_input, properties=())
            if fuzz_input.key is not None:
                yield replace(fuzz_input, key=None)
            for value in _simplify_text(fuzz_input.value):
                yield replace(fuzz_input, value=value)
        case Row():
            yield from _simplify_row(fuzz_input)


def _simplify_request(fuzz_input: Request) -> Iterator[Request]:
    for omitted in range(len(fuzz_input.headers)):
        yield replace(fuzz_input, headers=fuzz_input.headers[:omitted] + fuzz_input.headers[omitted + 1 :])
    for number, (name, value) in enumerate(fuzz_input.headers):
        for shorter in _omit_pieces(value):
            yield replace(
                fuzz_input, headers=(*fuzz_input.headers[:number], (name, shorter), *fuzz_input.headers[number + 1 :])
            )
    if fuzz_input.raw is not None:
        for raw in _omit_pieces(fuzz_input.raw):
            yield replace(fuzz_input, raw=raw)
        return
    for body in _simplify_text(fuzz_input.body):
        yield replace(fuzz_input, body=body)
    for target in _omit_pieces(fuzz_input.target[1:]):
        yield replace(fuzz_input, target=b"/" + target)


def _simplify_row(fuzz_input: Row) -> Iterator[Row]:
    in_order = dict(row_generator.good_row(Random(0), fuzz_input.tag).values)
    for name, value in fuzz_input.values:
        if (name != "occurred_at" and in_order[name] != value) or (
            name == "occurred_at" and not str(value).startswith("2026-01-01 00:00:00.")
        ):
            yield replace(fuzz_input, values=_replace_column(fuzz_input, name, in_order[name]))
    for name, value in fuzz_input.values:
        if isinstance(value, str | bytes) and value != in_order[name]:
            for piece in _omit_pieces(value):
                yield replace(fuzz_input, values=_replace_column(fuzz_input, name, piece))


def _replace_column(fuzz_input: Row, name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((key, value if key == name else old) for key, old in fuzz_input.values)


def _simplify_text(text: bytes) -> Iterator[bytes]:
    """Yield JSON with members omitted and long texts halved; any other text with pieces omitted."""
    try:
        parsed = parse(text)
        if not isinstance(parsed, Members) or len(text) > 100_000:
            raise ValueError("not an object that is worth taking apart")
        for smaller_object in _simplify_object(parsed):
            yield encode(smaller_object)
    except (ValueError, RecursionError, ArithmeticError):
        yield from _omit_pieces(text)


def _simplify_object(original: Members) -> Iterator[Members]:
    for members in _omit_pieces(original):
        yield Members(members)
    for number, (name, value) in enumerate(original):
        for simpler_value in _simplify_value(value):
            yield Members([*original[:number], (name, simpler_value), *original[number + 1 :]])


def _simplify_value(value: Any) -> Iterator[Any]:
    match value:
        case Members():
            yield from _simplify_object(value)
        case str() if value.startswith("{") and len(value) > LONG_TEXT:
            for text in _simplify_text(value.encode("utf-8", "surrogatepass")):
                yield text.decode("utf-8", "replace")
        case str() if len(value) > LONG_TEXT:
            yield value[: len(value) // 2]
        case list() if value:
            yield value[: len(value) // 2]
            yield value[0]


def _omit_pieces(sequence: Any) -> Iterator[Any]:
    """Yield the sequence without one of its halves, quarters, …"""
    parts = 2
    while parts <= min(MAX_PIECES, len(sequence)):
        size = -(-len(sequence) // parts)
        for start in range(0, len(sequence), size):
            yield sequence[:start] + sequence[start + size :]
        parts *= 2
