"""Define the records of a run's history. Each says what one source shows, and when, where the source has a time.

Times are microseconds since the epoch. Equal contents of several sources may be one object, so that a long run fits into
memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Literal, Protocol, TypeVar

from db.outbox import PARKED_TOPIC
from domain.clock import epoch_us
from domain.contents import Contents
from scenarios.audit_lines import AuditLine

Outcome = Literal["acknowledged", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One command of a client, from its invocation to its answer."""

    client: str
    """The route by which it was sent."""
    command: str
    """The name of the change; `change` is a transaction that a scenario writes by itself, as a later version of the program
    might."""
    target: str
    """Id of the conversion to calculate, or of the commission to approve or change."""
    invoked_us: int
    answered_us: int
    outcome: Outcome
    """Unknown is a command without an answer: it may be committed or not."""
    event_ids: tuple[str, ...] = ()
    """The events that the acknowledgement named."""
    fields: tuple[tuple[str, str], ...] = ()
    """The fields of the command with their values, as text."""


@dataclass(frozen=True, slots=True)
class CommissionState:
    """A row of `commission`."""

    commission_id: str
    conversion_id: str
    status: str
    version: int
    amounts: Mapping[str, str]
    """Field of a payload → the commission's value, as text."""
    updated_us: int


@dataclass(frozen=True, slots=True)
class OutboxRow:
    seq: int
    contents: Contents
    version: int
    """Version of the event's schema."""

    @property
    def event_id(self) -> str:
        return self.contents.event_id


@dataclass(frozen=True, slots=True)
class EventMessage:
    """A message of the topics of events, as the observer recorded it."""

    event_id: str
    key: str | None
    """The commission that its key names; the key itself when it names none."""
    contents: Contents | None
    """None when the body cannot be read as an event."""
    version: int | None
    digest: bytes
    """Digest of its bytes: two messages of one event may differ in their envelopes."""
    captured_us: int | None
    published_us: int


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """What the observer keeps of every published event, also when its messages are no longer kept."""

    event_id: str
    contents_digest: str | None
    """Empty when its messages differ, None when it is not known."""
    version: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the inbox: one committed delivery."""

    seq: int
    event_id: str
    outcome: str
    """applied, duplicate, skipped or dead_lettered"""
    consumer: str
    redelivery_count: int
    received_us: int


@dataclass(frozen=True, slots=True)
class Notification:
    seq: int
    contents: Contents
    consumer: str
    notified_at: str
    """ISO 8601 in UTC with microseconds, as in the audit file."""
    visible_us: int | None
    """When its worker had committed it (timestamp `persisted`); None where no worker wrote that."""

    @property
    def event_id(self) -> str:
        return self.contents.event_id


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of the table of dead letters."""

    seq: int
    event_id: str | None
    correlation_id: str | None
    topic: str
    reason: str
    detail: str
    dead_lettered_us: int
    requeued_us: int | None
    digest: bytes | None = None
    """Digest of the message's body; None where not all of it was kept."""

    @property
    def is_parked(self) -> bool:
        """Whether it is an outbox row that cannot be published; such a dead letter has no message."""
        return self.topic == PARKED_TOPIC


@dataclass(frozen=True, slots=True)
class DeadLetterMessage:
    """A message of the dead-letter topic."""

    number: int | None
    """`seq` of its row, as its property says; None without that property."""
    event_id: str | None
    message_id: str
    published_us: int
    reason: str = ""
    digest: bytes | None = None
    """Digest of its body; None where not all of it was kept."""


@dataclass(frozen=True, slots=True)
class Stray:
    """An event without an outbox row that appeared during the run, under the correlation id of another run or of none."""

    event_id: str
    is_message: bool
    """Whether it is a message of the topics of events; else it is a notification."""
    at_us: int


class HasEvent(Protocol):
    @property
    def event_id(self) -> str: ...


T = TypeVar("T", bound=HasEvent)


@dataclass(frozen=True)
class History:
    """What one run did and left, in all sources, in the order of each source."""

    run_id: str
    expects_dead_letters: bool = False
    one_clock: bool = True
    """Whether all workers run on one host, so that their timestamps can be compared."""
    operations: tuple[Operation, ...] = ()
    commissions: tuple[CommissionState, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    """All events of the run's commissions, those under another correlation id too."""
    pruned: frozenset[str] = frozenset()
    """The run's events whose outbox rows were pruned; they count as committed."""
    has_pruned: bool = False
    """Whether any outbox row was ever pruned: then a commission's first events may be missing."""
    deleted: tuple[OutboxRow, ...] = ()
    """Committed events whose outbox rows the scenario deleted, as they were published; `seq` is 0."""
    rolled_back: frozenset[str] = frozenset()
    """Events that the scenario rolled back, and that the database's log shows all the same."""
    published: tuple[PublishedEvent, ...] = ()
    messages: tuple[EventMessage, ...] = ()
    notifications: tuple[Notification, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    audit_lines: tuple[AuditLine, ...] = ()
    foreign_lines: tuple[int, ...] = ()
    """Numbers of the lines behind the run's first one that are no audit lines of any event."""
    strays: tuple[Stray, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    dead_letter_messages: tuple[DeadLetterMessage, ...] = ()

    @cached_property
    def committed(self) -> dict[str, OutboxRow | None]:
        """Event id → outbox row of the run; None for a row that was pruned or deleted."""
        own = {row.event_id: row for row in self.outbox if row.contents.correlation_id == self.run_id}
        return dict.fromkeys(sorted(self.pruned.union(row.event_id for row in self.deleted))) | own

    @cached_property
    def rows(self) -> dict[str, OutboxRow]:
        """Event id → outbox row, of any correlation id."""
        return {row.event_id: row for row in self.outbox}

    @cached_property
    def states(self) -> dict[str, CommissionState]:
        return {state.commission_id: state for state in self.commissions}

    @cached_property
    def states_by_conversion(self) -> dict[str, CommissionState]:
        return {state.conversion_id: state for state in self.commissions}

    @cached_property
    def messages_of(self) -> dict[str, list[EventMessage]]:
        return _by_event(self.messages)

    @cached_property
    def published_ids(self) -> set[str]:
        return {event.event_id for event in self.published}

    @cached_property
    def notifications_of(self) -> dict[str, list[Notification]]:
        return _by_event(self.notifications)

    @cached_property
    def deliveries_of(self) -> dict[str, list[Delivery]]:
        return _by_event(self.deliveries)

    @cached_property
    def dead_letters_of(self) -> dict[str, list[DeadLetter]]:
        """Event id → its dead letters, oldest first."""
        letters_by_event: dict[str, list[DeadLetter]] = {}
        for letter in self.dead_letters:
            if letter.event_id is not None:
                letters_by_event.setdefault(letter.event_id, []).append(letter)
        return letters_by_event

    @cached_property
    def lines_of(self) -> dict[str, list[AuditLine]]:
        lines_by_event: dict[str, list[AuditLine]] = {}
        for line in self.audit_lines:
            lines_by_event.setdefault(line.contents.event_id, []).append(line)
        return lines_by_event


def _by_event(records: Iterable[T]) -> dict[str, list[T]]:
    records_by_event: dict[str, list[T]] = {}
    for record in records:
        records_by_event.setdefault(record.event_id, []).append(record)
    return records_by_event


def instant_us(text: str) -> int | None:
    """Return an ISO time of the sources in microseconds since the epoch; None for a text that is no time."""
    try:
        return epoch_us(datetime.fromisoformat(text).replace(tzinfo=None))
    except ValueError:
        return None


def is_equal_value(state: str, event: Any) -> bool:
    """Return whether two values of a field are equal, as numbers where both are numbers."""
    if state == event:
        return True
    try:
        return Decimal(state) == Decimal(str(event))
    except InvalidOperation:
        return False
