"""Read what one run left in the database. Every query uses an index and returns rows of that run alone.

Every function takes a connection opened with `db.engine.READ`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, exists, func, literal, or_, select

from db.dead_letter_queries import DeadLetterRow
from db.tables import commission, dead_letter, event_timing, notification, outbox_event, processed_message, pruned_event

CHUNK = 500
OUTCOMES = ("applied", "duplicate", "skipped", "dead_lettered")
PAYLOAD_COLUMNS = {
    "conversionId": "conversion_id",
    "affiliateId": "affiliate_id",
    "campaignId": "campaign_id",
    "grossAmount": "gross_amount",
    "rate": "rate",
    "amount": "amount",
    "currency": "currency",
}
"""Field of a payload → column of the commission with the same value."""


@dataclass(frozen=True, slots=True)
class StateRow:
    """A commission with the values that its events repeat."""

    id: str
    conversion_id: str
    status: str
    version: int
    amounts: dict[str, str]
    """Field of a payload → the column's value, as text."""
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class InboxRow:
    seq: int
    event_id: str
    outcome: str
    consumer: str
    redelivery_count: int
    received_at: datetime


def find_commission_ids(
    connection: Connection, correlation_id: str, conversion_ids: Collection[str], commission_ids: Collection[str]
) -> list[str]:
    """Return the ids of the commissions with events of a correlation id, and of those that commands named."""
    events_of = select(outbox_event.c.aggregate_id).where(outbox_event.c.correlation_id == correlation_id).distinct()
    ids = {*connection.scalars(events_of), *commission_ids}
    for chunk in chunks(sorted(conversion_ids)):
        ids.update(connection.scalars(select(commission.c.id).where(commission.c.conversion_id.in_(chunk))))
    return sorted(ids)


def read_states(connection: Connection, commission_ids: Sequence[str]) -> Iterator[StateRow]:
    """Yield the commissions that exist."""
    for chunk in chunks(commission_ids):
        for row in connection.execute(select(commission).where(commission.c.id.in_(chunk))).mappings():
            amounts = {field: _to_text(row[column]) for field, column in PAYLOAD_COLUMNS.items()}
            yield StateRow(row["id"], row["conversion_id"], row["status"], row["version"], amounts, row["updated_at"])


def read_inbox(connection: Connection, correlation_id: str) -> Iterator[InboxRow]:
    """Yield the committed deliveries of a correlation id's events, in the order of their commits."""
    columns = [processed_message.c[name] for name in InboxRow.__slots__]
    # The index begins with the outcome.
    query = select(*columns).where(
        processed_message.c.outcome.in_(OUTCOMES),
        processed_message.c.correlation_id == correlation_id,
        processed_message.c.event_id.is_not(None),
    )
    for row in connection.execute(query.order_by(processed_message.c.seq)):
        yield InboxRow(*row)


def read_visible_times(connection: Connection, correlation_id: str) -> dict[str, int]:
    """Return event id → the timestamp `persisted` of its notification, in microseconds since the epoch."""
    query = (
        select(event_timing.c.event_id, event_timing.c.persisted_us)
        .join(notification, notification.c.event_id == event_timing.c.event_id)
        .where(notification.c.correlation_id == correlation_id, event_timing.c.persisted_us.is_not(None))
    )
    return {row.event_id: row.persisted_us for row in connection.execute(query)}


def read_dead_letters(connection: Connection, correlation_id: str, after_seq: int) -> list[DeadLetterRow]:
    """Return the dead letters after a `seq` that are of a correlation id, or contain it, oldest first."""
    columns = (dead_letter.c[name] for name in DeadLetterRow.__slots__)
    contains_id = func.instr(dead_letter.c.payload, literal(correlation_id.encode())) > 0
    query = select(*columns).where(
        dead_letter.c.seq > after_seq, or_(dead_letter.c.correlation_id == correlation_id, contains_id)
    )
    return [DeadLetterRow(*row) for row in connection.execute(query.order_by(dead_letter.c.seq))]


def find_committed(connection: Connection, event_ids: Collection[str]) -> set[str]:
    """Return those of the events that have an outbox row, or had one before it was pruned."""
    committed_ids: set[str] = set()
    for chunk in chunks(sorted(event_ids)):
        for column in (outbox_event.c.id, pruned_event.c.event_id):
            committed_ids.update(connection.scalars(select(column).where(column.in_(chunk))))
    return committed_ids


@dataclass(frozen=True, slots=True)
class UncommittedNotification:
    event_id: str
    notified_at: datetime


def read_uncommitted_notifications(
    connection: Connection, after_seq: int, correlation_id: str
) -> list[UncommittedNotification]:
    """Return the notifications after a `seq`, of other correlation ids, whose events have no outbox row and had none."""
    is_committed = exists().where(outbox_event.c.id == notification.c.event_id)
    is_pruned = exists().where(pruned_event.c.event_id == notification.c.event_id)
    query = select(notification.c.event_id, notification.c.notified_at).where(
        notification.c.seq > after_seq, notification.c.correlation_id != correlation_id, ~is_committed, ~is_pruned
    )
    return [UncommittedNotification(*row) for row in connection.execute(query.order_by(notification.c.seq))]


def count_torn(connection: Connection, correlation_id: str) -> int:
    """Return how many of a correlation id's rows are there without the other rows of their transaction.

    On a consistent connection no moment shows such rows: notifications or effects in the inbox that the other lacks, and
    commissions whose version is not the number of their outbox rows.
    """
    notified = select(func.count()).select_from(notification).where(notification.c.correlation_id == correlation_id)
    applied = (
        select(func.count())
        .select_from(processed_message)
        .where(processed_message.c.outcome == "applied", processed_message.c.correlation_id == correlation_id)
    )
    rows = select(func.count()).select_from(outbox_event).where(outbox_event.c.aggregate_id == commission.c.id)
    of_run = select(outbox_event.c.aggregate_id).where(outbox_event.c.correlation_id == correlation_id)
    commissions = (
        select(func.count())
        .select_from(commission)
        .where(commission.c.id.in_(of_run), commission.c.version != rows.correlate(commission).scalar_subquery())
    )
    notified_count, applied_count, torn_commissions = (
        connection.scalar(query) or 0 for query in (notified, applied, commissions)
    )
    return abs(notified_count - applied_count) + torn_commissions


def has_pruned(connection: Connection) -> bool:
    """Return whether any outbox row was ever pruned."""
    return connection.scalar(select(pruned_event.c.event_id).limit(1)) is not None


def chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield list(ids[start : start + CHUNK])


def _to_text(value: Decimal | str) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else value
