"""Read notifications. Every function takes a connection opened with `db.engine.READ`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from db.queries import select_ids
from db.tables import commission, notification, outbox_event, pruned_event
from domain.clock import epoch_us, from_epoch_us


@dataclass(frozen=True, slots=True)
class NotificationRow:
    seq: int
    event_id: str
    commission_id: str
    aggregate_version: int
    type: str
    payload: dict[str, Any]
    correlation_id: str
    consumer: str
    occurred_at: datetime
    notified_at: datetime


_NOTIFICATION = select(*(notification.c[name] for name in NotificationRow.__slots__))


def recent_notifications(
    connection: Connection, limit: int = 50, before_seq: int | None = None
) -> list[NotificationRow]:
    query = select(notification).order_by(notification.c.seq.desc())
    if before_seq is not None:
        query = query.where(notification.c.seq < before_seq)
    return [NotificationRow(**row) for row in connection.execute(query.limit(limit)).mappings()]


def notifications_after(connection: Connection, seq: int, limit: int = 1000) -> list[NotificationRow]:
    """Return the notifications above a `seq`, oldest first."""
    query = _NOTIFICATION.where(notification.c.seq > seq).order_by(notification.c.seq).limit(limit)
    return [NotificationRow(*row) for row in connection.execute(query)]


def notifications_at(connection: Connection, seqs: Sequence[int]) -> list[NotificationRow]:
    query = _NOTIFICATION.where(notification.c.seq.in_(seqs)).order_by(notification.c.seq)
    return [NotificationRow(*row) for row in connection.execute(query)]


def count_without_row(connection: Connection) -> int:
    """Count the notified events that were committed, as their commissions show, and whose outbox row was deleted and not pruned.

    Of two that say to be of the same version of a commission one counts. It reads the whole table: call it rarely.
    """
    has_row = select(outbox_event.c.id).where(outbox_event.c.id == notification.c.event_id).exists()
    was_pruned = select(pruned_event.c.event_id).where(pruned_event.c.event_id == notification.c.event_id).exists()
    is_place_taken = select(outbox_event.c.id).where(
        outbox_event.c.aggregate_id == notification.c.commission_id,
        outbox_event.c.aggregate_version == notification.c.aggregate_version,
    )
    places = (
        select(notification.c.commission_id, notification.c.aggregate_version)
        .join(commission, commission.c.id == notification.c.commission_id)
        .where(notification.c.aggregate_version.between(1, commission.c.version))
        .where(~has_row, ~was_pruned, ~is_place_taken.exists())
        .distinct()
    )
    return connection.scalar(select(func.count()).select_from(places.subquery())) or 0


def notification_head(connection: Connection) -> int:
    """Return the highest `seq`, 0 when there is none."""
    return connection.scalar(select(func.max(notification.c.seq))) or 0


def notification_seqs_after(connection: Connection, seq: int, limit: int) -> list[int]:
    query = select(notification.c.seq).where(notification.c.seq > seq).order_by(notification.c.seq)
    return list(connection.scalars(query.limit(limit)))


def notification_seqs_in(connection: Connection, ranges: Sequence[tuple[int, int]], limit: int) -> list[int]:
    """Return the first `limit` numbers in use within up to 500 ranges (first and last), ascending.

    Each range is one look-up in the index, so the cost depends on the ranges and not on the table.
    """
    # Plain text: SQLAlchemy would need more time to build the many small statements than the database to answer them.
    lookups = (f"SELECT seq FROM notification WHERE seq BETWEEN {int(first)} AND {int(last)}" for first, last in ranges)
    return list(connection.scalars(text(f"{' UNION ALL '.join(lookups)} ORDER BY seq LIMIT {int(limit)}")))


def notification_ids(connection: Connection, correlation_id: str | None = None) -> set[str]:
    return select_ids(connection, select(notification.c.event_id), notification.c.correlation_id, correlation_id)


def notified_among(connection: Connection, event_ids: Collection[str]) -> set[str]:
    """Return those of these events that have a notification."""
    chosen = list(event_ids)
    notified: set[str] = set()
    for start in range(0, len(chosen), 500):
        query = select(notification.c.event_id).where(notification.c.event_id.in_(chosen[start : start + 500]))
        notified.update(connection.scalars(query))
    return notified


def count_notifications(connection: Connection, correlation_id: str | None = None) -> int:
    query = select(func.count()).select_from(notification)
    if correlation_id is not None:
        query = query.where(notification.c.correlation_id == correlation_id)
    return connection.scalar(query) or 0


def last_notified_us(connection: Connection, correlation_id: str) -> int:
    """Return when the newest notification of a correlation id was persisted, in microseconds since the epoch; 0: none."""
    query = select(func.max(notification.c.notified_at)).where(notification.c.correlation_id == correlation_id)
    at = connection.scalar(query)
    return 0 if at is None else epoch_us(at)


def first_notified_us(connection: Connection, correlation_id: str, occurred_after_us: int) -> int:
    """Return when the first event was notified that occurred after a time: both microseconds since the epoch; 0: none was."""
    at = connection.scalar(
        select(func.min(notification.c.notified_at)).where(
            notification.c.correlation_id == correlation_id,
            notification.c.occurred_at > from_epoch_us(occurred_after_us),
        )
    )
    return 0 if at is None else epoch_us(at)


def notified_around(connection: Connection, correlation_id: str, times_us: Sequence[int]) -> dict[int, int]:
    """Return, for each time, when all events up to it and the first one after it were notified.

    All times are microseconds since the epoch; 0: there is no such event. One query serves all times, because a query for each
    would read all events of the correlation id each time.
    """
    query = (
        select(notification.c.occurred_at, notification.c.notified_at)
        .where(notification.c.correlation_id == correlation_id)
        .order_by(notification.c.occurred_at)
        .execution_options(yield_per=1000)
    )
    latest = 0
    notified: dict[int, int] = {}
    waiting = sorted(set(times_us), reverse=True)
    for occurred_at, notified_at in connection.execute(query):
        occurred_us, notified_us = epoch_us(occurred_at), epoch_us(notified_at)
        while waiting and waiting[-1] < occurred_us:
            notified[waiting.pop()] = max(latest, notified_us)
        if not waiting:
            break
        latest = max(latest, notified_us)
    return notified | dict.fromkeys(waiting, latest)


def duplicate_notifications(connection: Connection, correlation_id: str | None = None) -> list[str]:
    """Return the event ids with several notifications. The schema forbids them, but a verdict must not rely on that."""
    query = select(notification.c.event_id).group_by(notification.c.event_id).having(func.count() > 1)
    if correlation_id is not None:
        query = query.where(notification.c.correlation_id == correlation_id)
    return list(connection.scalars(query))


def times_of(connection: Connection, event_id: str) -> tuple[int, int] | None:
    """Return (occurred, notified) of an event in microseconds since the epoch; None while it has no notification."""
    query = select(notification.c.occurred_at, notification.c.notified_at).where(notification.c.event_id == event_id)
    row = connection.execute(query.order_by(notification.c.seq).limit(1)).first()
    return None if row is None else (epoch_us(row[0]), epoch_us(row[1]))


def find_consumer(connection: Connection, event_id: str) -> str | None:
    """Return the worker that wrote an event's notification; None while it has none."""
    return connection.scalar(select(notification.c.consumer).where(notification.c.event_id == event_id).limit(1))


def read_occurred_and_notified(connection: Connection, correlation_id: str, limit: int = 5000) -> list[tuple[int, int]]:
    """Return (occurred, notified) of a correlation id's newest events in microseconds since the epoch, oldest first."""
    query = select(notification.c.occurred_at, notification.c.notified_at).where(
        notification.c.correlation_id == correlation_id
    )
    rows = connection.execute(query.order_by(notification.c.seq.desc()).limit(limit)).all()
    return [(epoch_us(occurred), epoch_us(notified)) for occurred, notified in reversed(rows)]
