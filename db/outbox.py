"""Build outbox rows, read them for the relay, and park rows that cannot be published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    LargeBinary,
    Row,
    Select,
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
from db.foreign import DOCUMENT_TEXT, to_text, to_time
from db.tables import IS_DEAD_LETTERED, IS_NOTIFIED, dead_letter, outbox_event, relay_checkpoint
from domain import contract
from domain.clock import utc_now
from domain.events import AGGREGATE_TYPE, Event
from domain.outbox import OutboxRecord, UnreadableRow

RELAY = "relay"
PARKED_TOPIC = "outbox"
"""`topic` of the dead letter of an outbox row that cannot be published; its `message_id` is the row's `seq`."""
PAGE_BYTES = 16_000_000
"""A page ends early when its payloads exceed this many bytes."""
_DETAIL = 2000


def build_row(event: Event, event_id: str, correlation_id: str, traceparent: str | None) -> dict[str, Any]:
    """Return the columns of `outbox_event`, without `seq`, which the database assigns."""
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


class RowReader:
    """Reads outbox rows with their raw values, so that a malformed row does not hide the others."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader: Connection | None = None
        # A document of MySQL is read as bytes: it may hold half a surrogate pair, which the driver cannot decode.
        types = {"payload": DOCUMENT_TEXT if engine.dialect.name == "mysql" else NullType()}
        raw = [type_coerce(outbox_event.c[name], types.get(name, NullType())) for name in OutboxRecord.__slots__]
        self._rows = select(*raw).order_by(outbox_event.c.seq)

    def close(self) -> None:
        if self._reader is not None:
            if self._engine.dialect.name == "sqlite" and not self._reader.invalidated:
                _decode_text(self._reader, "replace")
            discard(self._reader)
            self._reader = None

    def _read(self, query: Select[Any], parameters: Mapping[str, Any]) -> list[OutboxRecord | UnreadableRow]:
        """Return the query's rows, the first of them when they are large. Raise DatabaseUnavailable."""
        with translated():
            # Keep one connection: this runs after every commit, and opening a connection would be most of the cost.
            if self._reader is None:
                self._reader = self._open()
            try:
                with self._reader.execute(query, dict(parameters)) as result:
                    page = _read_page(result)
                self._reader.rollback()
            except BaseException:
                self.close()
                raise
            return page

    def _open(self) -> Connection:
        reader = self._engine.connect().execution_options(**READ)
        if self._engine.dialect.name == "sqlite":
            # Read text that is not UTF-8 as half surrogates, which no event may have, instead of failing the whole page.
            _decode_text(reader, "surrogateescape")
        return reader


class OutboxFeed(RowReader):
    """The outbox in the order of commits, and the relay's checkpoint. SQLite only.

    SQLite has one writer at a time, so the order of `seq` is the order of commits, and no lower `seq` can appear later. That is
    not so on MySQL, where Debezium reads the order from the binlog.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._after = self._rows.where(outbox_event.c.seq > bindparam("seq")).limit(bindparam("most"))

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        """Return up to `limit` rows above `seq`, in order, fewer when they are large. Raise DatabaseUnavailable."""
        return self._read(self._after, {"seq": seq, "most": limit})

    def at(self, seq: int) -> OutboxRecord | UnreadableRow | None:
        """Return the row of a `seq`, None when there is none. Raise DatabaseUnavailable."""
        page = self.after(seq - 1, 1)
        return page[0] if page and page[0].seq == seq else None

    def head(self) -> int:
        """Return the highest `seq`, 0 when the outbox is empty. Raise DatabaseUnavailable."""
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            return connection.scalar(select(func.max(outbox_event.c.seq))) or 0

    def load_checkpoint(self) -> int:
        """Return the highest `seq` up to which every row was acknowledged by the broker or parked; 0 at first."""
        query = select(relay_checkpoint.c.seq).where(relay_checkpoint.c.name == RELAY)
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            return connection.scalar(query) or 0

    def save_checkpoint(self, seq: int) -> None:
        values = {"seq": seq, "updated_at": utc_now()}
        with translated(), self._engine.begin() as connection:
            changed = connection.execute(
                update(relay_checkpoint).where(relay_checkpoint.c.name == RELAY).values(**values)
            )
            if not changed.rowcount:
                connection.execute(insert(relay_checkpoint).values(name=RELAY, **values))

    def park(self, seq: int, reason: str, detail: str) -> bool:
        """Record a row as a dead letter; return False when it was one already. Raise DatabaseUnavailable.

        The database copies the ids, so that they equal the row's even when they are malformed. The dead letter keeps the first
        `contract.KEPT_BYTES` of the payload; the row itself stays in the outbox.
        """
        # SQLite's substr of an empty BLOB is NULL.
        beginning = func.substr(cast(outbox_event.c.payload, LargeBinary), 1, contract.KEPT_BYTES)
        values: dict[str, Any] = {
            "topic": literal(PARKED_TOPIC),
            "message_id": cast(outbox_event.c.seq, String(64)),
            "message_key": null(),
            "payload": func.coalesce(beginning, literal(b"")),
            "properties": literal("{}"),
            "event_id": outbox_event.c.id,
            "correlation_id": outbox_event.c.correlation_id,
            "reason": literal(reason),
            "detail": literal(detail[:_DETAIL]),
            "attempts": literal(1),
            "dead_lettered_at": literal(utc_now(), dead_letter.c.dead_lettered_at.type),
        }
        rows = select(*values.values()).where(outbox_event.c.seq == seq)
        # Not OR IGNORE, which would silently drop a row with a missing value too.
        statement = sqlite.insert(dead_letter).from_select(list(values), rows).on_conflict_do_nothing()
        with translated(), self._engine.begin() as connection:
            return connection.execute(statement).rowcount == 1


def _decode_text(connection: Connection, errors: str) -> None:
    driver: Any = connection.connection.driver_connection
    driver.text_factory = partial(str, encoding="utf-8", errors=errors)


def _read_page(rows: Iterable[Row[Any]]) -> list[OutboxRecord | UnreadableRow]:
    page: list[OutboxRecord | UnreadableRow] = []
    size = 0
    for raw in rows:
        values = dict(zip(OutboxRecord.__slots__, raw, strict=True))
        page.append(_judge(values))
        size += len(values["payload"]) if isinstance(values["payload"], str | bytes) else 0
        if size > PAGE_BYTES:
            break
    return page


def _judge(values: dict[str, Any]) -> OutboxRecord | UnreadableRow:
    """Return the row as an event if its columns keep the contract. Consumers judge its payload."""
    if isinstance(values["payload"], int | float):
        values["payload"] = str(values["payload"])  # SQLite stores a document that is only a number as a number
    values["occurred_at"] = to_time(values["occurred_at"]) or values["occurred_at"]
    try:
        for name, value in values.items():
            if name == "payload":
                contract.check_encodable(name, value)
            elif name != "traceparent" or value is not None:
                contract.check_column(name, value)
    except contract.ContractError as error:
        aggregate_id = to_text(values["aggregate_id"]) or ""
        return UnreadableRow(values["seq"], to_text(values["id"]) or "", aggregate_id, str(error))
    return OutboxRecord(**values)


def count_parked_above(connection: Connection, seq: int) -> int:
    """Return the number of parked rows above a `seq`."""
    number = cast(dead_letter.c.message_id, Integer)
    query = select(func.count()).where(dead_letter.c.topic == PARKED_TOPIC, number > seq)
    return connection.scalar(query) or 0


def parked_ids(connection: Connection, correlation_id: str | None = None) -> set[str]:
    """Return the event ids of the parked rows, which are committed and not published."""
    query = select(dead_letter.c.event_id).where(dead_letter.c.topic == PARKED_TOPIC)
    if correlation_id is not None:
        query = query.where(dead_letter.c.correlation_id == correlation_id)
    return {event_id for event_id in connection.scalars(query) if event_id is not None}


def rewind_checkpoint(connection: Connection) -> None:
    """Set the relay's checkpoint back to before the first event that is neither notified nor dead-lettered.

    After a broker lost its messages, events that it had acknowledged would otherwise never be delivered.
    """
    first = connection.scalar(select(func.min(outbox_event.c.seq)).where(~IS_NOTIFIED, ~IS_DEAD_LETTERED))
    if first is not None:
        is_relay = relay_checkpoint.c.name == RELAY
        connection.execute(
            update(relay_checkpoint).where(is_relay, relay_checkpoint.c.seq >= first).values(seq=first - 1)
        )
