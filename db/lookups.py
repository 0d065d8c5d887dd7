"""Read single events, and what a live page reads again and again. Open the connections with `db.engine.READ`.

Every function uses an index and none reads a whole table, except `not_notified`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, select

from db.notification_queries import NotificationRow
from db.outbox import PARKED_TOPIC
from db.queries import OutboxRow
from db.tables import commission, dead_letter, message_failure, notification, outbox_event, processed_message

NEWEST = 10_000
"""Among so many events an id is looked for by its end."""

_OUTBOX = select(*(outbox_event.c[name] for name in OutboxRow.__slots__))


@dataclass(frozen=True, slots=True)
class Heads:
    """High-water marks of the tables. If one differs from last time, something was written."""

    outbox: int
    notification: int
    processed: int
    dead_letter: int
    commission_updated: datetime | None
    failing: int = 0
    """The number of unfinished messages that have failed: they are retried."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One committed delivery of an event to a worker."""

    seq: int
    event_id: str
    topic: str
    message_id: str
    redelivery_count: int
    outcome: str
    consumer: str
    received_at: datetime


def read_heads(connection: Connection) -> Heads:
    """Return the present high-water marks."""
    newest = [
        select(func.max(column)).scalar_subquery()
        for column in (outbox_event.c.seq, notification.c.seq, processed_message.c.seq, dead_letter.c.seq)
    ]
    failing = select(func.count()).select_from(message_failure).scalar_subquery()
    row = connection.execute(
        select(*newest, select(func.max(commission.c.updated_at)).scalar_subquery(), failing)
    ).one()
    return Heads(row[0] or 0, row[1] or 0, row[2] or 0, row[3] or 0, row[4], row[5])


def outbox_event_by_id(connection: Connection, event_id: str) -> OutboxRow | None:
    return next(iter(_events(connection, _OUTBOX.where(outbox_event.c.id == event_id), 1)), None)


def events_of_commission(connection: Connection, commission_id: str, limit: int = 50) -> list[OutboxRow]:
    """Return a commission's events in the order of versions."""
    query = _OUTBOX.where(outbox_event.c.aggregate_id == commission_id).order_by(outbox_event.c.aggregate_version)
    return _events(connection, query, limit)


def events_of_correlation(connection: Connection, correlation_id: str, limit: int = 50) -> list[OutboxRow]:
    """Return the events of a correlation id, newest first."""
    query = _OUTBOX.where(outbox_event.c.correlation_id == correlation_id).order_by(outbox_event.c.seq.desc())
    return _events(connection, query, limit)


def outbox_seqs(connection: Connection, limit: int) -> dict[str, int]:
    """Return event id → `seq` of the newest rows."""
    query = select(outbox_event.c.id, outbox_event.c.seq).order_by(outbox_event.c.seq.desc()).limit(limit)
    return {row[0]: row[1] for row in connection.execute(query)}


def notification_of(connection: Connection, event_id: str) -> NotificationRow | None:
    row = connection.execute(select(notification).where(notification.c.event_id == event_id)).mappings().first()
    return None if row is None else NotificationRow(**row)


def deliveries_of_event(connection: Connection, event_id: str, limit: int = 50) -> list[Delivery]:
    """Return the deliveries of an event in the order of their commits."""
    columns = [processed_message.c[name] for name in Delivery.__slots__]
    query = select(*columns).where(processed_message.c.event_id == event_id).order_by(processed_message.c.seq)
    return [Delivery(*row) for row in connection.execute(query.limit(limit))]


def delivery_counts(connection: Connection, event_ids: Sequence[str]) -> dict[str, int]:
    """Return the number of committed deliveries of each of these events; events without one are left out."""
    if not event_ids:
        return {}
    query = select(processed_message.c.event_id, func.count()).where(processed_message.c.event_id.in_(event_ids))
    return {row[0]: row[1] for row in connection.execute(query.group_by(processed_message.c.event_id))}


def find_id_by_part(connection: Connection, part: str) -> str | None:
    """Return the only event id, else the only commission id, with this beginning or end; None when there is no or several.

    Ends are looked for among the NEWEST events, because no index helps to find them.
    """
    newest = select(outbox_event.c.id, outbox_event.c.aggregate_id).order_by(outbox_event.c.seq.desc()).limit(NEWEST)
    ends = newest.subquery()
    for column, condition in (
        (outbox_event.c.id, outbox_event.c.id.startswith(part, autoescape=True)),
        (commission.c.id, commission.c.id.startswith(part, autoescape=True)),
        (ends.c.id, ends.c.id.endswith(part, autoescape=True)),
        (ends.c.aggregate_id, ends.c.aggregate_id.endswith(part, autoescape=True)),
    ):
        ids = list(connection.scalars(select(column).where(condition).distinct().limit(2)))
        if ids:
            return ids[0] if len(ids) == 1 else None
    return None


@dataclass(frozen=True, slots=True)
class NewEvent:
    id: str
    aggregate_version: int
    notification_seq: int | None


def events_above(connection: Connection, above_seq: int) -> tuple[list[NewEvent], int]:
    """Return the events above a `seq`, each with its notification's `seq`, and how many of them are dead-lettered.

    The count is of distinct events without a notification.
    """
    joined = outbox_event.outerjoin(notification, notification.c.event_id == outbox_event.c.id)
    columns = (outbox_event.c.id, outbox_event.c.aggregate_version, notification.c.seq)
    query = select(*columns).select_from(joined).where(outbox_event.c.seq > above_seq)
    events = [NewEvent(*row) for row in connection.execute(query)]
    waiting = [event.id for event in events if event.notification_seq is None]
    if not waiting:
        return events, 0
    dead = select(func.count(dead_letter.c.event_id.distinct())).where(dead_letter.c.event_id.in_(waiting))
    return events, connection.scalar(dead) or 0


def count_dead_without_notification(connection: Connection) -> int:
    """Return the number of distinct events that were dead-lettered, requeued or not, and have no notification."""
    query = (
        select(func.count(dead_letter.c.event_id.distinct()))
        .select_from(dead_letter.outerjoin(notification, notification.c.event_id == dead_letter.c.event_id))
        .where(dead_letter.c.event_id.is_not(None), notification.c.seq.is_(None))
    )
    return connection.scalar(query) or 0


def count_parked(connection: Connection) -> int:
    """Return the number of events whose outbox rows are parked: neither requeued since, nor notified."""
    joined = dead_letter.outerjoin(notification, notification.c.event_id == dead_letter.c.event_id)
    query = (
        select(func.count(dead_letter.c.event_id.distinct()))
        .select_from(joined)
        .where(dead_letter.c.topic == PARKED_TOPIC, dead_letter.c.requeued_at.is_(None), notification.c.seq.is_(None))
    )
    return connection.scalar(query) or 0


def find_not_notified(connection: Connection, limit: int = 200) -> list[str]:
    """Return the ids of committed events without a notification, newest first.

    This may read every row, so call it now and then, never in a refresh.
    """
    joined = outbox_event.outerjoin(notification, notification.c.event_id == outbox_event.c.id)
    query = select(outbox_event.c.id).select_from(joined).where(notification.c.seq.is_(None))
    return list(connection.scalars(query.order_by(outbox_event.c.seq.desc()).limit(limit)))


def read_newest_notified(connection: Connection, limit: int) -> list[str]:
    query = select(notification.c.event_id).order_by(notification.c.seq.desc()).limit(limit)
    return list(connection.scalars(query))


def _events(connection: Connection, query: Select[tuple[object, ...]], limit: int) -> list[OutboxRow]:
    return [OutboxRow(**row) for row in connection.execute(query.limit(limit)).mappings()]


def first_event(connection: Connection) -> str | None:
    """Return the event id of the outbox's first row; None for an empty outbox."""
    return connection.scalar(select(outbox_event.c.id).order_by(outbox_event.c.seq).limit(1))
