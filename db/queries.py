"""Read commissions, the outbox, the backlog and deliveries for the page, the API, the command line and the notebooks.

Every function takes a connection opened with `db.engine.READ`. Lists are newest first and bounded by `limit`, if not said
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from db.currencies import IsoCurrencies
from db.hops import HOPS
from db.tables import (
    IS_DEAD_LETTERED,
    IS_NOTIFIED,
    commission,
    dead_letter,
    event_timing,
    notification,
    outbox_event,
    processed_message,
    pruned_event,
)
from domain import clock
from domain.money import strip_zeros


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
class Backlog:
    """What waits at each stage. Times are of the oldest waiting event, in microseconds since the epoch; None: none waits."""

    head: int
    not_captured: int
    oldest_not_notified_us: int | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Numbers of committed deliveries by outcome."""

    applied: int = 0
    duplicate: int = 0
    skipped: int = 0
    dead_lettered: int = 0

    @property
    def total(self) -> int:
        return self.applied + self.duplicate + self.skipped + self.dead_lettered


def commission_by_conversion(connection: Connection, conversion_id: str) -> CommissionRow | None:
    row = connection.execute(select(commission).where(commission.c.conversion_id == conversion_id)).mappings().first()
    return None if row is None else _to_commission(row)


def commission_by_id(connection: Connection, commission_id: str) -> CommissionRow | None:
    row = connection.execute(select(commission).where(commission.c.id == commission_id)).mappings().first()
    return None if row is None else _to_commission(row)


def recent_commissions(connection: Connection, limit: int = 50, status: str | None = None) -> list[CommissionRow]:
    query = select(commission).order_by(commission.c.updated_at.desc(), commission.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(commission.c.status == status)
    return [_to_commission(row) for row in connection.execute(query).mappings()]


def recent_outbox(connection: Connection, limit: int = 50, before_seq: int | None = None) -> list[OutboxRow]:
    query = select(*(outbox_event.c[name] for name in OutboxRow.__slots__)).order_by(outbox_event.c.seq.desc())
    if before_seq is not None:
        query = query.where(outbox_event.c.seq < before_seq)
    return [OutboxRow(**row) for row in connection.execute(query.limit(limit)).mappings()]


def outbox_exists(connection: Connection, event_id: str) -> bool:
    return connection.scalar(select(outbox_event.c.seq).where(outbox_event.c.id == event_id)) is not None


def outbox_of_commission(connection: Connection, commission_id: str) -> list[OutboxRow]:
    """Return all events of a commission, in order."""
    return _read_outbox(connection, outbox_event.c.aggregate_id == commission_id)


def outbox_of_correlation(connection: Connection, correlation_id: str) -> list[OutboxRow]:
    """Return all events of a correlation id, in order."""
    return _read_outbox(connection, outbox_event.c.correlation_id == correlation_id)


def _read_outbox(connection: Connection, where: Any) -> list[OutboxRow]:
    query = select(*(outbox_event.c[name] for name in OutboxRow.__slots__)).where(where).order_by(outbox_event.c.seq)
    return [OutboxRow(**row) for row in connection.execute(query).mappings()]


def outbox_head(connection: Connection) -> int:
    """Return the highest `seq`, 0 when the outbox is empty."""
    return connection.scalar(select(func.max(outbox_event.c.seq))) or 0


SEARCHED_ROWS = 10_000
"""How many outbox rows below the head are searched for events without a notification, so that a scrape stays short."""


def read_backlog(connection: Connection, captured_seq: int) -> Backlog:
    """Return the backlog, when the observer has seen the outbox up to `captured_seq`."""
    head = outbox_head(connection)
    is_above = outbox_event.c.seq > captured_seq
    waiting = connection.scalar(select(func.count()).where(is_above)) or 0
    unnotified = connection.scalar(
        select(func.min(outbox_event.c.occurred_at)).where(
            outbox_event.c.seq > head - SEARCHED_ROWS, ~IS_NOTIFIED, ~IS_DEAD_LETTERED
        )
    )
    return Backlog(head, waiting, _optional_epoch_us(unnotified))


def _optional_epoch_us(at: datetime | None) -> int | None:
    return None if at is None else clock.epoch_us(at)


def outbox_ids(connection: Connection, correlation_id: str | None = None) -> set[str]:
    """Return the ids of committed events, those of pruned rows too."""
    present = select_ids(connection, select(outbox_event.c.id), outbox_event.c.correlation_id, correlation_id)
    pruned = select_ids(connection, select(pruned_event.c.event_id), pruned_event.c.correlation_id, correlation_id)
    return present | pruned


def pruned_ids(connection: Connection, correlation_id: str | None = None) -> Iterator[str]:
    """Yield the ids of pruned outbox rows, ascending."""
    query = select(pruned_event.c.event_id).order_by(pruned_event.c.event_id)
    if correlation_id is not None:
        query = query.where(pruned_event.c.correlation_id == correlation_id)
    yield from connection.scalars(query.execution_options(yield_per=1000))


def select_pruned(connection: Connection, event_ids: Sequence[str]) -> set[str]:
    """Return those of the events whose outbox row was pruned."""
    query = select(pruned_event.c.event_id).where(pruned_event.c.event_id.in_(list(event_ids)))
    return set(connection.scalars(query))


def find_unsettled(connection: Connection, event_ids: Sequence[str]) -> set[str]:
    """Return those of these committed events that have no notification and no dead letter."""
    unsettled_ids: set[str] = set()
    for start in range(0, len(event_ids), 500):
        chunk = list(event_ids[start : start + 500])
        committed = set(connection.scalars(select(outbox_event.c.id).where(outbox_event.c.id.in_(chunk))))
        notified = set(connection.scalars(select(notification.c.event_id).where(notification.c.event_id.in_(chunk))))
        dead = set(connection.scalars(select(dead_letter.c.event_id).where(dead_letter.c.event_id.in_(chunk))))
        unsettled_ids |= committed - notified - dead
    return unsettled_ids


def recently_received(connection: Connection, since: datetime, topics: Sequence[str]) -> list[tuple[str, str]]:
    """Return topic and message id of the newest deliveries on these topics that were received after a time, at most 500."""
    columns = processed_message.c
    newest = select(columns.topic, columns.message_id, columns.received_at).order_by(columns.seq.desc()).limit(500)
    rows = connection.execute(newest)
    return [(row.topic, row.message_id) for row in rows if row.received_at > since and row.topic in topics]


def recently_dead_lettered(connection: Connection, since: datetime) -> list[int]:
    """Return the `seq` of the newest dead letters that were published after a time, at most 500."""
    columns = dead_letter.c
    newest = connection.execute(select(columns.seq, columns.published_at).order_by(columns.seq.desc()).limit(500))
    return [row.seq for row in newest if row.published_at is not None and row.published_at > since]


def count_outbox(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(outbox_event)) or 0


def count_outbox_ids(connection: Connection, correlation_id: str) -> int:
    """Return the number of events of a correlation id, pruned ones too; an index makes this cheap."""
    return sum(
        connection.scalar(select(func.count()).select_from(table).where(table.c.correlation_id == correlation_id)) or 0
        for table in (outbox_event, pruned_event)
    )


def count_deliveries(connection: Connection, correlation_id: str | None = None) -> Deliveries:
    query = select(processed_message.c.outcome, func.count()).group_by(processed_message.c.outcome)
    if correlation_id is not None:
        query = query.where(processed_message.c.correlation_id == correlation_id)
    return _count_outcomes(connection, query)


def count_deliveries_of_consumer(connection: Connection, consumer: str) -> Deliveries:
    query = select(processed_message.c.outcome, func.count()).where(processed_message.c.consumer == consumer)
    return _count_outcomes(connection, query.group_by(processed_message.c.outcome))


def _count_outcomes(connection: Connection, query: Select[Any]) -> Deliveries:
    counts: dict[str, int] = {str(row[0]): int(row[1]) for row in connection.execute(query)}
    return Deliveries(**counts)


def _to_commission(row: RowMapping) -> CommissionRow:
    values = dict(row)
    # DECIMAL columns add zeros: turn 12.0500 USD into 12.05 again, and a rate of 0.100000 into 0.1.
    currency = IsoCurrencies().get(values["currency"])
    if currency is not None:
        for name in ("gross_amount", "amount"):
            values[name] = values[name].quantize(currency.quantum)
    values["rate"] = strip_zeros(values["rate"])
    return CommissionRow(**values)


def read_hop_times(connection: Connection, event_ids: list[str]) -> dict[str, dict[str, int]]:
    """Return for each event id its timestamps: {hop: microseconds since the epoch}, `occurred` too."""
    times: dict[str, dict[str, int]] = {}
    if not event_ids:
        return times
    occurred = select(outbox_event.c.id, outbox_event.c.occurred_at).where(outbox_event.c.id.in_(event_ids))
    for event_id, at in connection.execute(occurred):
        times[event_id] = {"occurred": clock.epoch_us(at)}
    for event_id, *measured in connection.execute(select(event_timing).where(event_timing.c.event_id.in_(event_ids))):
        passed = {hop: at_us for hop, at_us in zip(HOPS[1:], measured, strict=True) if at_us is not None}
        times.setdefault(event_id, {}).update(passed)
    return times


def select_ids(connection: Connection, query: Select[Any], column: Any, correlation_id: str | None) -> set[str]:
    """Return the ids that a query selects; only those of a correlation id, if given."""
    if correlation_id is not None:
        query = query.where(column == correlation_id)
    return set(connection.scalars(query))
