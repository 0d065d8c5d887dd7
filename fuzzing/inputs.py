"""The types of inputs. An input is a value: generated from a seed and a number, and sent by the driver of its channel."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

Channel = Literal["requests", "commands", "messages", "rows"]
CHANNELS: tuple[Channel, ...] = ("requests", "commands", "messages", "rows")

COMMISSION = "c0331551-0000-4000-8000-00000000c0de"
"""Placeholder for the id of an existing commission; the driver replaces it when it sends."""


@dataclass(frozen=True, slots=True)
class Tag:
    """The ids of one input. All end in its number, so that it can be sent again with another number as a new input."""

    run: str
    """Eight hexadecimal digits."""
    number: int

    @property
    def digits(self) -> str:
        return f"{self.number:012d}"

    @property
    def conversion_id(self) -> str:
        return f"{self.run}-c-{self.digits}"

    @property
    def correlation_id(self) -> str:
        return f"{self.run}-r-{self.digits}"

    @property
    def event_id(self) -> str:
        return f"{self.run}-0000-4000-8000-{self.digits}"

    @property
    def aggregate_id(self) -> str:
        return f"{self.run}-0000-4000-9000-{self.digits}"


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A value for a text column that is not valid UTF-8. SQLite stores such a text, and MySQL refuses it."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. The driver adds Host, Authorization and Content-Length where `headers` does not name them."""

    tag: Tag
    kind: str
    good: bool = False
    method: bytes = b"POST"
    target: bytes = b"/commissions/calculate"
    headers: tuple[tuple[bytes, bytes], ...] = ((b"Content-Type", b"application/json"),)
    body: bytes = b""
    raw: bytes | None = None
    """If set, these bytes are sent instead of a request. They are not valid HTTP, so a closed connection is an answer too."""

    channel: Channel = field(default="requests", init=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A message on the topic of commands, the topic of events, or the retry topic."""

    tag: Tag
    kind: str
    channel: Channel
    topic: Literal["commands", "events", "retry"]
    value: bytes
    key: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    good: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `outbox_event` from a foreign program. Values are in the types of the database's driver."""

    tag: Tag
    kind: str
    values: tuple[tuple[str, Any], ...]
    good: bool = False

    channel: Channel = field(default="rows", init=False)


Input = Request | Message | Row


def with_new_number(fuzz_input: Input, number: int) -> Input:
    """Return the same input with another number: its ids are new, so it is not a duplicate of the first."""
    tag = replace(fuzz_input.tag, number=number)
    old, new = fuzz_input.tag.digits, tag.digits
    match fuzz_input:
        case Request():
            return replace(
                fuzz_input,
                tag=tag,
                target=_replace_in_bytes(fuzz_input.target, old, new),
                headers=tuple((name, _replace_in_bytes(value, old, new)) for name, value in fuzz_input.headers),
                body=_replace_in_bytes(fuzz_input.body, old, new),
                raw=None if fuzz_input.raw is None else _replace_in_bytes(fuzz_input.raw, old, new),
            )
        case Message():
            return replace(fuzz_input, tag=tag, value=_replace_in_bytes(fuzz_input.value, old, new))
        case Row():
            return replace(
                fuzz_input,
                tag=tag,
                values=tuple((name, _replace_in_value(value, old, new)) for name, value in fuzz_input.values),
            )


def _replace_in_value(value: Any, old: str, new: str) -> Any:
    match value:
        case str():
            return value.replace(old, new)
        case bytes():
            return _replace_in_bytes(value, old, new)
        case _:
            return value


def _replace_in_bytes(text: bytes, old: str, new: str) -> bytes:
    return text.replace(old.encode(), new.encode())
