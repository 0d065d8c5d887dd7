"""Read the contents of committed events and of notifications, row by row, for reconciliation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Text, select, type_coerce

from db.foreign import DOCUMENT_TEXT
from db.tables import notification, outbox_event
from domain.contents import Contents, canonical_json, format_instant

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class CommittedContents:
    contents: Contents
    version: int
    """Version of the event's schema."""
    seq: int


@dataclass(frozen=True, slots=True)
class NotifiedContents:
    contents: Contents
    seq: int
    consumer: str
    notified_at: str
    """ISO 8601 in UTC with microseconds, as in the audit file."""


def read_committed(
    connection: Connection,
    correlation_id: str | None = None,
    event_ids: Sequence[str] | None = None,
    commission_ids: Sequence[str] | None = None,
) -> Iterator[CommittedContents]:
    """Yield outbox rows in the order of event ids; only those of a correlation id, some events or some commissions, if given."""
    names = ("id", "aggregate_id", "aggregate_version", "type", "correlation_id", "occurred_at", "version", "seq")
    # The text, not the parsed payload: a payload that cannot be parsed must be compared too.
    query = select(*(outbox_event.c[name] for name in names), type_coerce(outbox_event.c.payload, DOCUMENT_TEXT))
    for where in _build_conditions(outbox_event.c.correlation_id, correlation_id, outbox_event.c.id, event_ids):
        query = query.where(where)
    if commission_ids is not None:
        query = query.where(outbox_event.c.aggregate_id.in_(list(commission_ids)))
    query = query.order_by(outbox_event.c.id).execution_options(yield_per=ROWS_AT_ONCE)
    for id_, aggregate, number, type_, correlation, occurred, version, seq, payload in connection.execute(query):
        yield CommittedContents(
            Contents(id_, aggregate, number, type_, canonical_json(payload), correlation, format_instant(occurred)),
            version,
            seq,
        )


def read_notified(
    connection: Connection, correlation_id: str | None = None, event_ids: Sequence[str] | None = None
) -> Iterator[NotifiedContents]:
    """Yield notifications in the order of event ids; only those of a correlation id or of some events, if given."""
    names = (
        "event_id",
        "commission_id",
        "aggregate_version",
        "type",
        "correlation_id",
        "occurred_at",
        "seq",
        "consumer",
        "notified_at",
    )
    query = select(*(notification.c[name] for name in names), type_coerce(notification.c.payload, Text))
    for where in _build_conditions(notification.c.correlation_id, correlation_id, notification.c.event_id, event_ids):
        query = query.where(where)
    query = query.order_by(notification.c.event_id).execution_options(yield_per=ROWS_AT_ONCE)
    for id_, commission, number, type_, correlation, occurred, seq, consumer, at, payload in connection.execute(query):
        yield NotifiedContents(
            Contents(id_, commission, number, type_, canonical_json(payload), correlation, format_instant(occurred)),
            seq,
            consumer,
            format_instant(at),
        )


def _build_conditions(
    correlation: ColumnElement[str], correlation_id: str | None, key: ColumnElement[str], keys: Sequence[str] | None
) -> Iterator[ColumnElement[bool]]:
    if correlation_id is not None:
        yield correlation == correlation_id
    if keys is not None:
        yield key.in_(list(keys))
