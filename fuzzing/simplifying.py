"""Simpler inputs than a given one: what the shrinker tries. Pure, and the boldest steps come first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from fuzzing import row_generator
from fuzzing.inputs import Input, Message, Request, Row
from fuzzing.json_text import Members, encode, parse

FINEST = 16
"""Bytes or members are left out in halves, quarters, … down to so many parts."""
LONG = 24


def simpler(given: Input) -> Iterator[Input]:
    """Inputs that are a little simpler; each differs from `given`."""
    match given:
        case Request():
            yield from _requests(given)
        case Message():
            if given.properties:
                yield replace(given, properties=())
            if given.key is not None:
                yield replace(given, key=None)
            for value in _texts(given.value):
                yield replace(given, value=value)
        case Row():
            yield from _rows(given)


def _requests(given: Request) -> Iterator[Request]:
    for left_out in range(len(given.headers)):
        yield replace(given, headers=given.headers[:left_out] + given.headers[left_out + 1 :])
    for number, (name, value) in enumerate(given.headers):
        for shorter in _pieces(value):
            yield replace(given, headers=(*given.headers[:number], (name, shorter), *given.headers[number + 1 :]))
    if given.raw is not None:
        for raw in _pieces(given.raw):
            yield replace(given, raw=raw)
        return
    for body in _texts(given.body):
        yield replace(given, body=body)
    for target in _pieces(given.target[1:]):
        yield replace(given, target=b"/" + target)


def _rows(given: Row) -> Iterator[Row]:
    in_order = dict(row_generator.good(Random(0), given.tag).values)
    for name, value in given.values:
        if (name != "occurred_at" and in_order[name] != value) or (
            name == "occurred_at" and not str(value).startswith("2026-01-01 00:00:00.")
        ):
            yield replace(given, values=_with(given, name, in_order[name]))
    for name, value in given.values:
        if isinstance(value, str | bytes) and value != in_order[name]:
            for piece in _pieces(value):
                yield replace(given, values=_with(given, name, piece))


def _with(given: Row, name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((key, value if key == name else old) for key, old in given.values)


def _texts(text: bytes) -> Iterator[bytes]:
    """Of JSON, with members left out and long texts halved; of anything else, with pieces left out."""
    try:
        whole = parse(text)
        if not isinstance(whole, Members) or len(text) > 100_000:
            raise ValueError("not an object that is worth taking apart")
        for smaller in _objects(whole):
            yield encode(smaller)
    except (ValueError, RecursionError, ArithmeticError):
        yield from _pieces(text)


def _objects(whole: Members) -> Iterator[Members]:
    for part in _pieces(whole):
        yield Members(part)
    for number, (name, value) in enumerate(whole):
        for other in _values(value):
            yield Members([*whole[:number], (name, other), *whole[number + 1 :]])


def _values(value: Any) -> Iterator[Any]:
    match value:
        case Members():
            yield from _objects(value)
        case str() if value.startswith("{") and len(value) > LONG:
            for text in _texts(value.encode("utf-8", "surrogatepass")):
                yield text.decode("utf-8", "replace")
        case str() if len(value) > LONG:
            yield value[: len(value) // 2]
        case list() if value:
            yield value[: len(value) // 2]
            yield value[0]


def _pieces(whole: Any) -> Iterator[Any]:
    """A sequence without one of its halves, quarters, …"""
    parts = 2
    while parts <= min(FINEST, len(whole)):
        size = -(-len(whole) // parts)
        for start in range(0, len(whole), size):
            yield whole[:start] + whole[start + size :]
        parts *= 2
