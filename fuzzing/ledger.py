"""What the sources say of events and messages, as it was read from them. Bounded: the oldest complete entries go first."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

MOST = 100_000
DIGITS_OF_A_DOUBLE = 17
"""With fewer, a decimal number is written as it is meant."""


@dataclass(slots=True)
class EventTrace:
    """One event in the four sources. Contents are as `contents` gives them; None: it is not there."""

    committed: str | None = None
    published: bool = False
    notified: str | None = None
    audited: str | None = None
    audit_lines: int = 0
    dead_reason: str | None = None
    conversion_id: str | None = None
    """Of a calculation."""
    version: tuple[str, str] | None = None
    """(commission, version)."""

    @property
    def complete(self) -> bool:
        return self.committed is not None and self.published and self.notified is not None and self.audited is not None

    @property
    def missing(self) -> str:
        """In words, which of the sources lack it."""
        states = {
            "committed": self.committed is not None,
            "published": self.published,
            "notified": self.notified is not None,
            "audited": self.audited is not None,
        }
        return ", ".join(f"not {name}" for name, there in states.items() if not there)


@dataclass(slots=True)
class MessageTrace:
    """One message by topic and id."""

    observed: bool = False
    outcome: str | None = None
    """The inbox's: applied, duplicate, skipped or dead_lettered."""
    event_id: str | None = None
    dead_reason: str | None = None
    dead_detail: str = ""
    on_dead_letter_topic: bool = False


@dataclass(slots=True)
class Ledger:
    events: OrderedDict[str, EventTrace] = field(default_factory=OrderedDict)
    messages: OrderedDict[tuple[str, str], MessageTrace] = field(default_factory=OrderedDict)
    first_events: dict[str, str | None] = field(default_factory=dict)
    """Conversion → the event of its calculation; None once that was complete and forgotten."""
    versions: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """(commission, version) → the event; None once that was complete and forgotten."""
    rows: dict[int, str] = field(default_factory=dict)
    """`seq` of an outbox row → its event id as text."""
    most: int = MOST

    def event(self, event_id: str) -> EventTrace:
        trace = self.events.get(event_id)
        if trace is None:
            trace = self.events[event_id] = EventTrace()
            if len(self.events) > self.most:
                self._forget()
        return trace

    def message(self, topic: str, message_id: str) -> MessageTrace:
        trace = self.messages.get((topic, message_id))
        if trace is None:
            trace = self.messages[topic, message_id] = MessageTrace()
            if len(self.messages) > self.most:
                self.messages.popitem(last=False)
        return trace

    def _forget(self) -> None:
        _, trace = self.events.popitem(last=False)
        if trace.complete:
            if trace.conversion_id is not None:
                self.first_events[trace.conversion_id] = None
            if trace.version is not None:
                self.versions[trace.version] = None


def contents(kind: Any, commission_id: Any, version: Any, correlation_id: Any, payload: Any) -> str:
    """What an event says, in one spelling: the same for the same values, whatever the source writes them like.

    `payload` is JSON text, or what `parse` made of it.
    """
    spelled = _spelled(payload) if isinstance(payload, str | bytes) else _canonical(payload)
    return "|".join((str(kind), str(commission_id), str(version), str(correlation_id), spelled))


def parse(text: str | bytes) -> Any:
    """JSON with its numbers as they are written. Raises ValueError or RecursionError."""
    return json.loads(text, parse_float=_Number, parse_int=_Number)


def _spelled(text: str | bytes) -> str:
    try:
        return _canonical(parse(text))
    except (ValueError, RecursionError):
        return f"not JSON: {text!r}"


class _Number(str):
    """A JSON number as it is written."""


def _canonical(value: Any) -> str:
    try:
        return json.dumps(_plain(value), sort_keys=True)
    except (RecursionError, ValueError, TypeError):
        return repr(value)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case bool() | None:
            return value
        case _Number() | int() | float():
            return _number(str(value))
        case _:
            return f"s{value}"


def _number(text: str) -> str:
    """The number in one spelling. All digits of a double are the double: so Debezium writes 0.1 from MySQL's JSON."""
    try:
        number = Decimal(text)
        if number.is_finite() and len(text) > DIGITS_OF_A_DOUBLE and number == Decimal(float(text)):
            number = Decimal(repr(float(text)))
        return f"n{number.normalize()}" if number else "n0"
    except ArithmeticError:
        return f"n{text}"
