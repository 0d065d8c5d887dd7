"""Hold what the sources say about events and messages. The ledger is bounded: it forgets the oldest entries."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

MAX_ENTRIES = 100_000
DIGITS_OF_A_DOUBLE = 17
"""A double with up to this many digits is written with the digits that are meant."""


@dataclass(slots=True)
class EventTrace:
    """One event in the four sources. The fields hold the result of `contents`; None: the source lacks the event."""

    committed: str | None = None
    published: bool = False
    notified: str | None = None
    audited: str | None = None
    audit_lines: int = 0
    dead_reason: str | None = None
    conversion_id: str | None = None
    """The conversion, if the event is of a calculation."""
    version: tuple[str, str] | None = None
    """(commission id, version of the commission)."""

    @property
    def complete(self) -> bool:
        return self.committed is not None and self.published and self.notified is not None and self.audited is not None

    @property
    def missing_sources(self) -> str:
        """A text that names the sources that lack the event."""
        states = {
            "committed": self.committed is not None,
            "published": self.published,
            "notified": self.notified is not None,
            "audited": self.audited is not None,
        }
        return ", ".join(f"not {name}" for name, is_present in states.items() if not is_present)


@dataclass(slots=True)
class MessageTrace:
    """One message, found by its topic and id."""

    observed: bool = False
    outcome: str | None = None
    """The outcome in the inbox: applied, duplicate, skipped or dead_lettered."""
    event_id: str | None = None
    dead_reason: str | None = None
    dead_detail: str = ""
    on_dead_letter_topic: bool = False


@dataclass(slots=True)
class Ledger:
    events: OrderedDict[str, EventTrace] = field(default_factory=OrderedDict)
    messages: OrderedDict[tuple[str, str], MessageTrace] = field(default_factory=OrderedDict)
    first_events: dict[str, str | None] = field(default_factory=dict)
    """Conversion id → event of its calculation; None once the event was complete and is forgotten."""
    versions: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """(commission id, version) → event; None once the event was complete and is forgotten."""
    rows: dict[int, str] = field(default_factory=dict)
    """`seq` of an outbox row → its event id as text."""
    max_entries: int = MAX_ENTRIES

    def event(self, event_id: str) -> EventTrace:
        """Return the trace of an event, which is created if it is new."""
        trace = self.events.get(event_id)
        if trace is None:
            trace = self.events[event_id] = EventTrace()
            if len(self.events) > self.max_entries:
                self._forget()
        return trace

    def message(self, topic: str, message_id: str) -> MessageTrace:
        """Return the trace of a message, which is created if it is new."""
        trace = self.messages.get((topic, message_id))
        if trace is None:
            trace = self.messages[topic, message_id] = MessageTrace()
            if len(self.messages) > self.max_entries:
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
    """Return the contents of an event in one canonical spelling, so that sources that format values differently agree.

    `payload` is JSON text, or the result of `parse`.
    """
    spelled_payload = _spell_json(payload) if isinstance(payload, str | bytes) else _spell_value(payload)
    return "|".join((str(kind), str(commission_id), str(version), str(correlation_id), spelled_payload))


def parse(text: str | bytes) -> Any:
    """Parse JSON and keep its numbers as they are written. Raises ValueError or RecursionError."""
    return json.loads(text, parse_float=_Number, parse_int=_Number)


def _spell_json(text: str | bytes) -> str:
    try:
        return _spell_value(parse(text))
    except (ValueError, RecursionError):
        return f"not JSON: {text!r}"


class _Number(str):
    """A JSON number as it is written."""


def _spell_value(value: Any) -> str:
    try:
        return json.dumps(_to_plain(value), sort_keys=True)
    except (RecursionError, ValueError, TypeError):
        return repr(value)


def _to_plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _to_plain(member) for key, member in value.items()}
        case list():
            return [_to_plain(member) for member in value]
        case bool() | None:
            return value
        case _Number() | int() | float():
            return _spell_number(str(value))
        case _:
            return f"s{value}"


def _spell_number(text: str) -> str:
    """Return a number in one spelling.

    Debezium writes a double of MySQL's JSON, such as 0.1, with all its binary digits; those are the same number.
    """
    try:
        number = Decimal(text)
        if number.is_finite() and len(text) > DIGITS_OF_A_DOUBLE and number == Decimal(float(text)):
            number = Decimal(repr(float(text)))
        return f"n{number.normalize()}" if number else "n0"
    except ArithmeticError:
        return f"n{text}"
