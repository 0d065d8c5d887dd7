"""Reads that follow one event, and the small ones a live page repeats. Each uses an index: none reads a whole table,
save `not_notified`, which may and says so. Connections are opened with `db.engine.READ`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, select

from db.notification_queries import NotificationRow
from db.queries import OutboxRow
from db.tables import commission, dead_letter, notification, outbox_event, processed_message

_OUTBOX = select(*(outbox_event.c[name] for name in OutboxRow.__slots__))


@dataclass(frozen=True, slots=True)
class Heads:
    """Changed, and something was written since."""

    outbox: int
    notification: int
    processed: int
    dead_letter: int
    commission_updated: datetime | None


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


def heads(connection: Connection) -> Heads:
    newest = [
        select(func.max(column)).scalar_subquery()
        for column in (outbox_event.c.seq, notification.c.seq, processed_message.c.seq, dead_letter.c.seq)
    ]
    row = connection.execute(select(*newest, select(func.max(commission.c.updated_at)).scalar_subquery())).one()
    return Heads(row[0] or 0, row[1] or 0, row[2] or 0, row[3] or 0, row[4])


def outbox_event_by_id(connection: Connection, event_id: str) -> OutboxRow | None:
    return next(iter(_events(connection, _OUTBOX.where(outbox_event.c.id == event_id), 1)), None)


def events_of_commission(connection: Connection, commission_id: str, limit: int = 50) -> list[OutboxRow]:
    """In the order of the commission's versions."""
    query = _OUTBOX.where(outbox_event.c.aggregate_id == commission_id).order_by(outbox_event.c.aggregate_version)
    return _events(connection, query, limit)


def events_of_correlation(connection: Connection, correlation_id: str, limit: int = 50) -> list[OutboxRow]:
    """Newest first."""
    query = _OUTBOX.where(outbox_event.c.correlation_id == correlation_id).order_by(outbox_event.c.seq.desc())
    return _events(connection, query, limit)


def outbox_seqs(connection: Connection, limit: int) -> dict[str, int]:
    """Event id → seq, of the newest rows."""
    query = select(outbox_event.c.id, outbox_event.c.seq).order_by(outbox_event.c.seq.desc()).limit(limit)
    return {row[0]: row[1] for row in connection.execute(query)}


def notification_of(connection: Connection, event_id: str) -> NotificationRow | None:
    row = connection.execute(select(notification).where(notification.c.event_id == event_id)).mappings().first()
    return None if row is None else NotificationRow(**row)


def deliveries_of_event(connection: Connection, event_id: str, limit: int = 50) -> list[Delivery]:
    """In the order they were committed."""
    columns = [processed_message.c[name] for name in Delivery.__slots__]
    query = select(*columns).where(processed_message.c.event_id == event_id).order_by(processed_message.c.seq)
    return [Delivery(*row) for row in connection.execute(query.limit(limit))]


def delivery_counts(connection: Connection, event_ids: Sequence[str]) -> dict[str, int]:
    """Committed deliveries of each of these events; those without one are left out."""
    if not event_ids:
        return {}
    query = select(processed_message.c.event_id, func.count()).where(processed_message.c.event_id.in_(event_ids))
    return {row[0]: row[1] for row in connection.execute(query.group_by(processed_message.c.event_id))}


def only_id_that_begins(connection: Connection, start: str) -> str | None:
    """The event's, else the commission's id that begins so, if no other does."""
    for column in (outbox_event.c.id, commission.c.id):
        query = select(column).where(column.startswith(start, autoescape=True)).limit(2)
        found = list(connection.scalars(query))
        if found:
            return found[0] if len(found) == 1 else None
    return None


def young(connection: Connection, above_seq: int) -> tuple[list[tuple[str, int | None]], int]:
    """Of the events committed beyond a `seq`: each one's id and its notification's `seq`; and how many of those without
    were dead-lettered."""
    joined = outbox_event.outerjoin(notification, notification.c.event_id == outbox_event.c.id)
    query = select(outbox_event.c.id, notification.c.seq).select_from(joined).where(outbox_event.c.seq > above_seq)
    found = [(row.id, row.seq) for row in connection.execute(query)]
    waiting = [event_id for event_id, seq in found if seq is None]
    if not waiting:
        return found, 0
    dead = select(func.count(dead_letter.c.event_id.distinct())).where(dead_letter.c.event_id.in_(waiting))
    return found, connection.scalar(dead) or 0


def dead_lettered_for_good(connection: Connection) -> int:
    """Distinct events that were dead-lettered, requeued or not, and have no notification."""
    query = (
        select(func.count(dead_letter.c.event_id.distinct()))
        .select_from(dead_letter.outerjoin(notification, notification.c.event_id == dead_letter.c.event_id))
        .where(dead_letter.c.event_id.is_not(None), notification.c.seq.is_(None))
    )
    return connection.scalar(query) or 0


def not_notified(connection: Connection, limit: int = 200) -> list[str]:
    """Ids of committed events without a notification, newest first. Looks at every row when there are few: once in a
    while, never in a refresh."""
    joined = outbox_event.outerjoin(notification, notification.c.event_id == outbox_event.c.id)
    query = select(outbox_event.c.id).select_from(joined).where(notification.c.seq.is_(None))
    return list(connection.scalars(query.order_by(outbox_event.c.seq.desc()).limit(limit)))


def newest_notified(connection: Connection, limit: int) -> list[str]:
    query = select(notification.c.event_id).order_by(notification.c.seq.desc()).limit(limit)
    return list(connection.scalars(query))


def _events(connection: Connection, query: Select[tuple[object, ...]], limit: int) -> list[OutboxRow]:
    return [OutboxRow(**row) for row in connection.execute(query.limit(limit)).mappings()]


def first_event(connection: Connection) -> str | None:
    """Id of the outbox's first row; None for an empty outbox."""
    return connection.scalar(select(outbox_event.c.id).order_by(outbox_event.c.seq).limit(1))
