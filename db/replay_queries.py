"""Query what a replay is judged by: events that have their effect, and what a consumer recorded of its deliveries."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from db.tables import (
    IS_DEAD_LETTERED,
    IS_NOTIFIED,
    dead_letter,
    notification,
    outbox_event,
    processed_message,
)

IDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Delivery:
    """An inbox row of a known event."""

    seq: int
    event_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Heads:
    """The highest numbers of the rows that deliveries write; later rows have higher ones."""

    notification: int
    delivery: int


def read_heads(connection: Connection) -> Heads:
    tables = (notification, processed_message)
    return Heads(*(connection.scalar(select(func.max(table.c.seq))) or 0 for table in tables))


def select_absorbed(connection: Connection, event_ids: Collection[str]) -> set[str]:
    """Return which of these events every further delivery must leave as they are.

    They have a notification and no open dead letter, which is one that was not requeued.
    """
    if not event_ids:
        return set()
    query = select(notification.c.event_id).where(~_has_open_dead_letter(), notification.c.event_id.in_(event_ids))
    return set(connection.scalars(query))


def read_absorbed(connection: Connection) -> Iterator[str]:
    """Yield all events that every further delivery must leave as they are, in the order of their ids."""
    query = select(notification.c.event_id).where(~_has_open_dead_letter()).order_by(notification.c.event_id)
    yield from connection.scalars(query.execution_options(yield_per=IDS_AT_ONCE))


def read_unsettled(connection: Connection, before: datetime) -> Iterator[str]:
    """Yield the events committed before a time (naive UTC) that have neither a notification nor a dead letter."""
    query = select(outbox_event.c.id).where(outbox_event.c.occurred_at < before, ~IS_NOTIFIED, ~IS_DEAD_LETTERED)
    yield from connection.scalars(query.execution_options(yield_per=IDS_AT_ONCE))


def read_notified_after(connection: Connection, seq: int) -> Iterator[str]:
    """Yield the events of the notifications with a number above `seq`."""
    query = select(notification.c.event_id).where(notification.c.seq > seq)
    yield from connection.scalars(query.execution_options(yield_per=IDS_AT_ONCE))


def read_deliveries(connection: Connection, consumer: str, after_seq: int, limit: int) -> list[Delivery]:
    """Return a consumer's next inbox rows of events with a number above `after_seq`, in order."""
    inbox = processed_message.c
    query = (
        select(inbox.seq, inbox.event_id, inbox.outcome)
        .where(inbox.seq > after_seq, inbox.consumer == consumer, inbox.event_id.is_not(None))
        .order_by(inbox.seq)
        .limit(limit)
    )
    return [Delivery(*row) for row in connection.execute(query)]


def _has_open_dead_letter() -> ColumnElement[bool]:
    is_open = dead_letter.c.requeued_at.is_(None)
    return select(dead_letter.c.seq).where(dead_letter.c.event_id == notification.c.event_id, is_open).exists()
