"""The read side: frozen rows for the page, the API, the command line, the notebooks and the tests.

Every function takes a connection opened with `db.engine.READ`; lists come newest first and are bounded by `limit`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, text

from db.currencies import IsoCurrencies
from db.tables import commission, dead_letter, hop_time, notification, outbox_event, processed_message, pruned_event
from domain.money import strip_zeros

EPOCH = datetime(1970, 1, 1)
PRUNED = {"alpes-pruned": "true"}
"""The properties of a dead letter whose body was pruned."""


@dataclass(frozen=True, slots=True)
class CommissionRow:
    id: str
    conversion_id: str
    affiliate_id: str
    campaign_id: str
    gross_amount: Decimal
    rate: Decimal
    amount: Decimal
    currency: str
    status: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OutboxRow:
    seq: int
    id: str
    aggregate_id: str
    aggregate_version: int
    type: str
    version: int
    payload: dict[str, Any]
    correlation_id: str
    occurred_at: datetime


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


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    seq: int
    topic: str
    message_id: str
    message_key: str | None
    payload: bytes
    properties: dict[str, str]
    event_id: str | None
    correlation_id: str | None
    reason: str
    detail: str
    attempts: int
    dead_lettered_at: datetime
    requeued_at: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """Times are microseconds since the epoch, of the oldest event a stage has not reached; None: it reached all."""

    head: int
    not_captured: int
    oldest_not_captured_us: int | None
    oldest_not_notified_us: int | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Committed deliveries by outcome."""

    applied: int = 0
    duplicate: int = 0
    skipped: int = 0
    dead_lettered: int = 0

    @property
    def total(self) -> int:
        return self.applied + self.duplicate + self.skipped + self.dead_lettered


_NOTIFICATION = select(*(notification.c[name] for name in NotificationRow.__slots__))


def commission_by_conversion(connection: Connection, conversion_id: str) -> CommissionRow | None:
    row = connection.execute(select(commission).where(commission.c.conversion_id == conversion_id)).mappings().first()
    return None if row is None else _commission(row)


def commission_by_id(connection: Connection, commission_id: str) -> CommissionRow | None:
    row = connection.execute(select(commission).where(commission.c.id == commission_id)).mappings().first()
    return None if row is None else _commission(row)


def recent_commissions(connection: Connection, limit: int = 50, status: str | None = None) -> list[CommissionRow]:
    query = select(commission).order_by(commission.c.updated_at.desc(), commission.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(commission.c.status == status)
    return [_commission(row) for row in connection.execute(query).mappings()]


def recent_outbox(connection: Connection, limit: int = 50, before_seq: int | None = None) -> list[OutboxRow]:
    query = select(*(outbox_event.c[name] for name in OutboxRow.__slots__)).order_by(outbox_event.c.seq.desc())
    if before_seq is not None:
        query = query.where(outbox_event.c.seq < before_seq)
    return [OutboxRow(**row) for row in connection.execute(query.limit(limit)).mappings()]


def outbox_exists(connection: Connection, event_id: str) -> bool:
    return connection.scalar(select(outbox_event.c.seq).where(outbox_event.c.id == event_id)) is not None


def outbox_of(connection: Connection, commission_id: str) -> list[OutboxRow]:
    """A commission's events, in order."""
    return _outbox(connection, outbox_event.c.aggregate_id == commission_id)


def outbox_of_correlation(connection: Connection, correlation_id: str) -> list[OutboxRow]:
    """Every event of a correlation id, in order."""
    return _outbox(connection, outbox_event.c.correlation_id == correlation_id)


def _outbox(connection: Connection, where: Any) -> list[OutboxRow]:
    query = select(*(outbox_event.c[name] for name in OutboxRow.__slots__)).where(where).order_by(outbox_event.c.seq)
    return [OutboxRow(**row) for row in connection.execute(query).mappings()]


def recent_notifications(
    connection: Connection, limit: int = 50, before_seq: int | None = None
) -> list[NotificationRow]:
    query = select(notification).order_by(notification.c.seq.desc())
    if before_seq is not None:
        query = query.where(notification.c.seq < before_seq)
    return [NotificationRow(**row) for row in connection.execute(query.limit(limit)).mappings()]


def notifications_after(connection: Connection, seq: int, limit: int = 1000) -> list[NotificationRow]:
    """Oldest first."""
    query = _NOTIFICATION.where(notification.c.seq > seq).order_by(notification.c.seq).limit(limit)
    return [NotificationRow(*row) for row in connection.execute(query)]


def notifications_at(connection: Connection, seqs: Sequence[int]) -> list[NotificationRow]:
    query = _NOTIFICATION.where(notification.c.seq.in_(seqs)).order_by(notification.c.seq)
    return [NotificationRow(*row) for row in connection.execute(query)]


def notification_head(connection: Connection) -> int:
    """Highest `seq`, 0 when there is none."""
    return connection.scalar(select(func.max(notification.c.seq))) or 0


def notification_seqs_after(connection: Connection, seq: int, limit: int) -> list[int]:
    query = select(notification.c.seq).where(notification.c.seq > seq).order_by(notification.c.seq)
    return list(connection.scalars(query.limit(limit)))


def notification_seqs_in(connection: Connection, ranges: Sequence[tuple[int, int]], limit: int) -> list[int]:
    """The first `limit` numbers in use within these ranges (first and last), at most 500 of them, ascending.

    Each range is a look-up of its own in the index: what it costs depends on the ranges, not on the table.
    """
    # Text: to put so many small statements together costs more than the database takes to answer.
    looks = (f"SELECT seq FROM notification WHERE seq BETWEEN {int(first)} AND {int(last)}" for first, last in ranges)
    return list(connection.scalars(text(f"{' UNION ALL '.join(looks)} ORDER BY seq LIMIT {int(limit)}")))


def outbox_head(connection: Connection) -> int:
    """Highest `seq`, 0 when the outbox is empty."""
    return connection.scalar(select(func.max(outbox_event.c.seq))) or 0


LOOKED_BACK = 10_000
"""Outbox rows below the head among which the ones not notified of are looked for: a scrape must stay short."""


def backlog(connection: Connection, captured_seq: int) -> Backlog:
    """How far the stages are behind, where the observer has seen the outbox up to `captured_seq`."""
    head = outbox_head(connection)
    beyond = outbox_event.c.seq > captured_seq
    waiting, oldest = connection.execute(select(func.count(), func.min(outbox_event.c.occurred_at)).where(beyond)).one()
    known = select(notification.c.event_id).where(notification.c.event_id == outbox_event.c.id).exists()
    dead = select(dead_letter.c.event_id).where(dead_letter.c.event_id == outbox_event.c.id).exists()
    unnotified = connection.scalar(
        select(func.min(outbox_event.c.occurred_at)).where(outbox_event.c.seq > head - LOOKED_BACK, ~known, ~dead)
    )
    return Backlog(head, waiting, _us(oldest), _us(unnotified))


def _us(at: datetime | None) -> int | None:
    return None if at is None else epoch_us(at)


def outbox_ids(connection: Connection, correlation_id: str | None = None) -> set[str]:
    """Ids committed, pruned rows' too."""
    standing = _ids(connection, select(outbox_event.c.id), outbox_event.c.correlation_id, correlation_id)
    pruned = _ids(connection, select(pruned_event.c.event_id), pruned_event.c.correlation_id, correlation_id)
    return standing | pruned


def pruned_ids(connection: Connection, correlation_id: str | None = None) -> Iterator[str]:
    """Ids of the outbox rows that were pruned, ascending."""
    query = select(pruned_event.c.event_id).order_by(pruned_event.c.event_id)
    if correlation_id is not None:
        query = query.where(pruned_event.c.correlation_id == correlation_id)
    yield from connection.scalars(query.execution_options(yield_per=1000))


def notification_ids(connection: Connection, correlation_id: str | None = None) -> set[str]:
    return _ids(connection, select(notification.c.event_id), notification.c.correlation_id, correlation_id)


def unsettled(connection: Connection, event_ids: Sequence[str]) -> set[str]:
    """Those of these committed events that are neither notified of nor dead-lettered."""
    found: set[str] = set()
    for start in range(0, len(event_ids), 500):
        chunk = list(event_ids[start : start + 500])
        committed = set(connection.scalars(select(outbox_event.c.id).where(outbox_event.c.id.in_(chunk))))
        notified = set(connection.scalars(select(notification.c.event_id).where(notification.c.event_id.in_(chunk))))
        dead = set(connection.scalars(select(dead_letter.c.event_id).where(dead_letter.c.event_id.in_(chunk))))
        found |= committed - notified - dead
    return found


def notified_among(connection: Connection, event_ids: Collection[str]) -> set[str]:
    """Those of these events that have a notification."""
    chosen = list(event_ids)
    notified: set[str] = set()
    for start in range(0, len(chosen), 500):
        query = select(notification.c.event_id).where(notification.c.event_id.in_(chosen[start : start + 500]))
        notified.update(connection.scalars(query))
    return notified


def dead_letter_ids(connection: Connection, correlation_id: str | None = None) -> set[str]:
    """Event ids that were dead-lettered at least once, requeued ones included."""
    query = select(dead_letter.c.event_id).where(dead_letter.c.event_id.is_not(None))
    return _ids(connection, query, dead_letter.c.correlation_id, correlation_id)


def dead_letter_reasons(connection: Connection, event_ids: Sequence[str]) -> dict[str, str]:
    """Event id → why it was dead-lettered the last time, in a sentence."""
    columns = dead_letter.c.event_id, dead_letter.c.topic, dead_letter.c.reason, dead_letter.c.detail
    # Compared here: an id that is a BLOB in SQLite equals no text there.
    query = select(*columns).where(dead_letter.c.event_id.is_not(None)).order_by(dead_letter.c.seq)
    wanted = set(event_ids)
    return {
        event_id: f"{reason} on {topic.rpartition('/')[2]}: {detail[:200]}"
        for event_id, topic, reason, detail in connection.execute(query)
        if event_id in wanted
    }


def count_outbox(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(outbox_event)) or 0


def count_outbox_ids(connection: Connection, correlation_id: str) -> int:
    """Events committed under a correlation id, pruned ones too, counted from an index."""
    return sum(
        connection.scalar(select(func.count()).select_from(table).where(table.c.correlation_id == correlation_id)) or 0
        for table in (outbox_event, pruned_event)
    )


def count_notifications(connection: Connection, correlation_id: str | None = None) -> int:
    query = select(func.count()).select_from(notification)
    if correlation_id is not None:
        query = query.where(notification.c.correlation_id == correlation_id)
    return connection.scalar(query) or 0


def last_notified_us(connection: Connection, correlation_id: str) -> int:
    """When the newest notification of a correlation id was persisted, microseconds since the epoch; 0 without one."""
    query = select(func.max(notification.c.notified_at)).where(notification.c.correlation_id == correlation_id)
    at = connection.scalar(query)
    return 0 if at is None else epoch_us(at)


def notified_around(connection: Connection, correlation_id: str, moments_us: Sequence[int]) -> dict[int, int]:
    """Moment → when everything that occurred up to it, and the first event after it, was notified; all in microseconds
    since the epoch, 0 where there is no such event.

    One pass over the correlation id's events for all moments: a query for each would read all of them each time.
    """
    query = (
        select(notification.c.occurred_at, notification.c.notified_at)
        .where(notification.c.correlation_id == correlation_id)
        .order_by(notification.c.occurred_at)
        .execution_options(yield_per=1000)
    )
    latest = 0
    notified: dict[int, int] = {}
    waiting = sorted(set(moments_us), reverse=True)
    for occurred_at, notified_at in connection.execute(query):
        occurred_us, notified_us = epoch_us(occurred_at), epoch_us(notified_at)
        while waiting and waiting[-1] < occurred_us:
            notified[waiting.pop()] = max(latest, notified_us)
        if not waiting:
            break
        latest = max(latest, notified_us)
    return notified | dict.fromkeys(waiting, latest)


def deliveries(connection: Connection, correlation_id: str | None = None) -> Deliveries:
    query = select(processed_message.c.outcome, func.count()).group_by(processed_message.c.outcome)
    if correlation_id is not None:
        query = query.where(processed_message.c.correlation_id == correlation_id)
    return _deliveries(connection, query)


def deliveries_of_consumer(connection: Connection, consumer: str) -> Deliveries:
    query = select(processed_message.c.outcome, func.count()).where(processed_message.c.consumer == consumer)
    return _deliveries(connection, query.group_by(processed_message.c.outcome))


def doubled_notifications(connection: Connection, correlation_id: str | None = None) -> list[str]:
    """Event ids notified of more than once. The schema forbids it; a proof does not rely on that."""
    query = select(notification.c.event_id).group_by(notification.c.event_id).having(func.count() > 1)
    if correlation_id is not None:
        query = query.where(notification.c.correlation_id == correlation_id)
    return list(connection.scalars(query))


def latencies(connection: Connection, correlation_id: str, limit: int = 5000) -> list[tuple[int, int]]:
    """(occurred, notified) of a correlation id's newest events, microseconds since the epoch, oldest first."""
    query = select(notification.c.occurred_at, notification.c.notified_at).where(
        notification.c.correlation_id == correlation_id
    )
    rows = connection.execute(query.order_by(notification.c.seq.desc()).limit(limit)).all()
    return [(epoch_us(occurred), epoch_us(notified)) for occurred, notified in reversed(rows)]


def dead_letters(connection: Connection, limit: int = 50, waiting_only: bool = False) -> list[DeadLetterRow]:
    columns = (dead_letter.c[name] for name in DeadLetterRow.__slots__)
    query = select(*columns).order_by(dead_letter.c.seq.desc()).limit(limit)
    if waiting_only:
        query = query.where(dead_letter.c.requeued_at.is_(None))
    return [DeadLetterRow(**row) for row in connection.execute(query).mappings()]


def dead_letters_at(connection: Connection, seqs: Sequence[int]) -> list[DeadLetterRow]:
    """Those there are of these numbers, in order."""
    columns = (dead_letter.c[name] for name in DeadLetterRow.__slots__)
    query = select(*columns).where(dead_letter.c.seq.in_(seqs)).order_by(dead_letter.c.seq)
    return [DeadLetterRow(*row) for row in connection.execute(query)]


def dead_letters_pruned(connection: Connection, seqs: Sequence[int]) -> dict[int, bool]:
    """`seq` → whether its body was pruned, of those there are."""
    pruned: dict[int, bool] = {}
    for start in range(0, len(seqs), 500):
        query = select(dead_letter.c.seq, dead_letter.c.properties)
        for seq, properties in connection.execute(query.where(dead_letter.c.seq.in_(seqs[start : start + 500]))):
            pruned[seq] = properties == PRUNED
    return pruned


def dead_letter_seqs(connection: Connection) -> list[int]:
    """The numbers of all that were not requeued yet, oldest first."""
    query = select(dead_letter.c.seq).where(dead_letter.c.requeued_at.is_(None)).order_by(dead_letter.c.seq)
    return list(connection.scalars(query))


def hop_times(connection: Connection, event_ids: list[str]) -> dict[str, dict[str, int]]:
    """For each event id, {hop: microseconds since the epoch}, `occurred` among them."""
    found: dict[str, dict[str, int]] = {}
    if not event_ids:
        return found
    occurred = select(outbox_event.c.id, outbox_event.c.occurred_at).where(outbox_event.c.id.in_(event_ids))
    for event_id, at in connection.execute(occurred):
        found[event_id] = {"occurred": epoch_us(at)}
    measured = select(hop_time.c.event_id, hop_time.c.hop, hop_time.c.at_us).where(hop_time.c.event_id.in_(event_ids))
    for event_id, hop, at_us in connection.execute(measured):
        found.setdefault(event_id, {})[hop] = at_us
    return found


def epoch_us(at: datetime) -> int:
    """Microseconds since the epoch of a naive UTC time."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _deliveries(connection: Connection, query: Select[Any]) -> Deliveries:
    counts: dict[str, int] = {str(row[0]): int(row[1]) for row in connection.execute(query)}
    return Deliveries(**counts)


def _commission(row: RowMapping) -> CommissionRow:
    values = dict(row)
    # DECIMAL columns add zeros: 12.0500 USD is 12.05 again, a rate of 0.100000 is 0.1.
    currency = IsoCurrencies().get(values["currency"])
    if currency is not None:
        for name in ("gross_amount", "amount"):
            values[name] = values[name].quantize(currency.quantum)
    values["rate"] = strip_zeros(values["rate"])
    return CommissionRow(**values)


def _ids(connection: Connection, query: Select[Any], column: Any, correlation_id: str | None) -> set[str]:
    if correlation_id is not None:
        query = query.where(column == correlation_id)
    return set(connection.scalars(query))
