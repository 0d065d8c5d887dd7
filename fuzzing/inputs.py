"""What is sent, over which channel. An input is a value: made from a seed and a number, sent by a driver."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

Channel = Literal["requests", "commands", "messages", "rows"]
CHANNELS: tuple[Channel, ...] = ("requests", "commands", "messages", "rows")

COMMISSION = "c0331551-0000-4000-8000-00000000c0de"
"""Stands for the id of a commission that exists: the driver puts one in when it sends."""


@dataclass(frozen=True, slots=True)
class Tag:
    """The ids that no other input has. All end in the input's number, so that an input can be sent again as another."""

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
    """A text column's value that is no UTF-8. SQLite keeps such a text, and MySQL refuses it."""

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
    """Sent instead of all that: bytes that are no HTTP request, so that closing the connection is an answer."""

    channel: Channel = field(default="requests", init=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A message on the topic of commands, of events, or of events sent again."""

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
    """A row of `outbox_event` that somebody else inserts. Values are what the driver of the database takes."""

    tag: Tag
    kind: str
    values: tuple[tuple[str, Any], ...]
    good: bool = False

    channel: Channel = field(default="rows", init=False)


Input = Request | Message | Row


def retagged(given: Input, number: int) -> Input:
    """The same input under another number: its ids are new, so that it is no duplicate of the first."""
    tag = replace(given.tag, number=number)
    old, new = given.tag.digits, tag.digits
    match given:
        case Request():
            return replace(
                given,
                tag=tag,
                target=_renamed(given.target, old, new),
                headers=tuple((name, _renamed(value, old, new)) for name, value in given.headers),
                body=_renamed(given.body, old, new),
                raw=None if given.raw is None else _renamed(given.raw, old, new),
            )
        case Message():
            return replace(given, tag=tag, value=_renamed(given.value, old, new))
        case Row():
            return replace(given, tag=tag, values=tuple((name, _any(value, old, new)) for name, value in given.values))


def _any(value: Any, old: str, new: str) -> Any:
    match value:
        case str():
            return value.replace(old, new)
        case bytes():
            return _renamed(value, old, new)
        case _:
            return value


def _renamed(text: bytes, old: str, new: str) -> bytes:
    return text.replace(old.encode(), new.encode())
