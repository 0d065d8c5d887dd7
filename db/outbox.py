"""The outbox: an event as the row that is inserted with the state it tells of, and as the feed the relay reads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    LargeBinary,
    Row,
    String,
    bindparam,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import NullType

from db.engine import READ, discard
from db.errors import translated
from db.foreign import instant_of, text_of
from db.tables import dead_letter, notification, outbox_event, relay_checkpoint
from domain import contract
from domain.events import AGGREGATE_TYPE, Event
from domain.outbox import OutboxRecord, UnreadableRow

RELAY = "relay"
PARKED_TOPIC = "outbox"
"""`topic` of the dead letter of an outbox row that cannot be published; its `message_id` is the row's `seq`."""
PAGE_BYTES = 16_000_000
"""A page ends early once its payloads have so many bytes."""
_DETAIL = 2000


def row(event: Event, event_id: str, correlation_id: str, traceparent: str | None) -> dict[str, Any]:
    """Columns of `outbox_event` without `seq`, which the database gives."""
    return {
        "id": event_id,
        "aggregate_type": AGGREGATE_TYPE,
        "aggregate_id": event.commission_id,
        "aggregate_version": event.aggregate_version,
        "type": event.type,
        "version": event.version,
        "payload": event.payload(),
        "correlation_id": correlation_id,
        "traceparent": traceparent,
        "occurred_at": event.occurred_at,
    }


class OutboxFeed:
    """The outbox in the order of its commits, and how far the relay has brought it. SQLite only.

    SQLite has one writer at a time, so `seq` order is commit order and no lower `seq` can appear later. On MySQL that
    does not hold: there the binlog is the order, and Debezium reads it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader: Connection | None = None
        # Raw, without the columns' types: each row is judged by itself, and one that somebody else spoilt hides no other.
        raw = [type_coerce(outbox_event.c[name], NullType()) for name in OutboxRecord.__slots__]
        self._rows = select(*raw).order_by(outbox_event.c.seq)
        self._after = self._rows.where(outbox_event.c.seq > bindparam("seq")).limit(bindparam("most"))

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        """At most `limit` rows beyond `seq`, in order; fewer where they are large. Raises DatabaseUnavailable."""
        with translated():
            # One connection for good: this is asked after every commit, and opening it anew would be most of the cost.
            if self._reader is None:
                self._reader = self._open()
            try:
                with self._reader.execute(self._after, {"seq": seq, "most": limit}) as result:
                    page = _page(result)
                self._reader.rollback()
            except BaseException:
                self.close()
                raise
            return page

    def _open(self) -> Connection:
        reader = self._engine.connect().execution_options(**READ)
        if self._engine.dialect.name == "sqlite":
            # What is no UTF-8 arrives as half surrogates, which no event may hold, instead of failing the whole page.
            _decode_text(reader, "surrogateescape")
        return reader

    def close(self) -> None:
        if self._reader is not None:
            if self._engine.dialect.name == "sqlite" and not self._reader.invalidated:
                _decode_text(self._reader, "replace")
            discard(self._reader)
            self._reader = None

    def at(self, seq: int) -> OutboxRecord | UnreadableRow | None:
        """The row of a `seq`; None where there is none. Raises DatabaseUnavailable."""
        page = self.after(seq - 1, 1)
        return page[0] if page and page[0].seq == seq else None

    def head(self) -> int:
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            return connection.scalar(select(func.max(outbox_event.c.seq))) or 0

    def load_checkpoint(self) -> int:
        """Highest `seq` up to which everything is acknowledged by the broker, or parked; 0 at first."""
        query = select(relay_checkpoint.c.seq).where(relay_checkpoint.c.name == RELAY)
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            return connection.scalar(query) or 0

    def save_checkpoint(self, seq: int) -> None:
        values = {"seq": seq, "updated_at": datetime.now(UTC).replace(tzinfo=None)}
        with translated(), self._engine.begin() as connection:
            changed = connection.execute(
                update(relay_checkpoint).where(relay_checkpoint.c.name == RELAY).values(**values)
            )
            if not changed.rowcount:
                connection.execute(insert(relay_checkpoint).values(name=RELAY, **values))

    def park(self, seq: int, reason: str, detail: str) -> bool:
        """Record a row as an outbox dead letter; False when it is one already. Raises DatabaseUnavailable.

        Ids are copied within the database, whatever they are, so that they stay equal to the row's. Of the payload the
        first `contract.KEPT_BYTES` are kept: the row itself stays in the outbox.
        """
        kept = func.substr(cast(outbox_event.c.payload, LargeBinary), 1, contract.KEPT_BYTES)  # NULL of an empty BLOB
        values: dict[str, Any] = {
            "topic": literal(PARKED_TOPIC),
            "message_id": cast(outbox_event.c.seq, String(64)),
            "message_key": null(),
            "payload": func.coalesce(kept, literal(b"")),
            "properties": literal("{}"),
            "event_id": outbox_event.c.id,
            "correlation_id": outbox_event.c.correlation_id,
            "reason": literal(reason),
            "detail": literal(detail[:_DETAIL]),
            "attempts": literal(1),
            "dead_lettered_at": literal(datetime.now(UTC).replace(tzinfo=None), dead_letter.c.dead_lettered_at.type),
        }
        rows = select(*values.values()).where(outbox_event.c.seq == seq)
        # Not OR IGNORE, which would drop a row that lacks a value as silently as one that is there.
        statement = sqlite.insert(dead_letter).from_select(list(values), rows).on_conflict_do_nothing()
        with translated(), self._engine.begin() as connection:
            return connection.execute(statement).rowcount == 1


def _decode_text(connection: Connection, errors: str) -> None:
    driver: Any = connection.connection.driver_connection
    driver.text_factory = partial(str, encoding="utf-8", errors=errors)


def _page(rows: Iterable[Row[Any]]) -> list[OutboxRecord | UnreadableRow]:
    page: list[OutboxRecord | UnreadableRow] = []
    size = 0
    for raw in rows:
        values = dict(zip(OutboxRecord.__slots__, raw, strict=True))
        page.append(_judged(values))
        size += len(values["payload"]) if isinstance(values["payload"], str | bytes) else 0
        if size > PAGE_BYTES:
            break
    return page


def _judged(values: dict[str, Any]) -> OutboxRecord | UnreadableRow:
    """The row as an event, where its columns keep the contract. What its payload says is for consumers to judge."""
    if isinstance(values["payload"], int | float):
        values["payload"] = str(values["payload"])  # SQLite keeps a document that is a bare number as a number
    values["occurred_at"] = instant_of(values["occurred_at"]) or values["occurred_at"]
    try:
        for name, value in values.items():
            if name == "payload":
                contract.check_encodable(name, value)
            elif name != "traceparent" or value is not None:
                contract.check_column(name, value)
    except contract.ContractError as error:
        aggregate_id = text_of(values["aggregate_id"]) or ""
        return UnreadableRow(values["seq"], text_of(values["id"]) or "", aggregate_id, str(error))
    return OutboxRecord(**values)


def parked_above(connection: Connection, seq: int) -> int:
    """How many rows beyond a `seq` are outbox dead letters."""
    number = cast(dead_letter.c.message_id, Integer)
    query = select(func.count()).where(dead_letter.c.topic == PARKED_TOPIC, number > seq)
    return connection.scalar(query) or 0


def parked_ids(connection: Connection, correlation_id: str | None = None) -> set[str]:
    """Event ids of the outbox dead letters: committed, and not published."""
    query = select(dead_letter.c.event_id).where(dead_letter.c.topic == PARKED_TOPIC)
    if correlation_id is not None:
        query = query.where(dead_letter.c.correlation_id == correlation_id)
    return {event_id for event_id in connection.scalars(query) if event_id is not None}


def send_again(connection: Connection) -> None:
    """Draw the relay's checkpoint back to before the first event that nothing became of.

    For a broker that lost its messages: what was acknowledged and not yet notified of would else never come.
    """
    notified = select(notification.c.event_id).where(notification.c.event_id == outbox_event.c.id).exists()
    dead = select(dead_letter.c.event_id).where(dead_letter.c.event_id == outbox_event.c.id).exists()
    first = connection.scalar(select(func.min(outbox_event.c.seq)).where(~notified, ~dead))
    if first is not None:
        own = relay_checkpoint.c.name == RELAY
        connection.execute(update(relay_checkpoint).where(own, relay_checkpoint.c.seq >= first).values(seq=first - 1))
