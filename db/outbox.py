"""The outbox: an event as the row that is inserted with the state it tells of, and as the feed the relay reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Text, bindparam, func, insert, select, type_coerce, update

from db.engine import READ, discard
from db.errors import translated
from db.tables import dead_letter, notification, outbox_event, relay_checkpoint
from domain.events import AGGREGATE_TYPE, Event
from domain.outbox import OutboxRecord

RELAY = "relay"


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
        columns = [
            type_coerce(column, Text) if column.name == "payload" else column
            for column in (outbox_event.c[name] for name in OutboxRecord.__slots__)
        ]
        beyond = outbox_event.c.seq > bindparam("seq")
        self._after = select(*columns).where(beyond).order_by(outbox_event.c.seq).limit(bindparam("most"))

    def after(self, seq: int, limit: int) -> list[OutboxRecord]:
        """At most `limit` records beyond `seq`, in order. Raises DatabaseUnavailable."""
        with translated():
            # One connection for good: this is asked after every commit, and opening it anew would be most of the cost.
            if self._reader is None:
                self._reader = self._engine.connect().execution_options(**READ)
            try:
                found = self._reader.execute(self._after, {"seq": seq, "most": limit}).all()
                self._reader.rollback()
            except BaseException:
                self.close()
                raise
            return [OutboxRecord(*row) for row in found]

    def close(self) -> None:
        if self._reader is not None:
            discard(self._reader)
            self._reader = None

    def head(self) -> int:
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            return connection.scalar(select(func.max(outbox_event.c.seq))) or 0

    def load_checkpoint(self) -> int:
        """Highest `seq` up to which everything is acknowledged by the broker; 0 at first."""
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


def send_again(connection: Connection) -> None:
    """Draw the relay's checkpoint back to before the first event that nothing became of.

    For a broker that lost its messages: what was acknowledged and not yet notified of would else never come.
    """
    notified = select(notification.c.event_id).where(notification.c.event_id == outbox_event.c.id).exists()
    dead = select(dead_letter.c.event_id).where(dead_letter.c.event_id == outbox_event.c.id).exists()
    first = connection.scalar(select(func.min(outbox_event.c.seq)).where(~notified, ~dead))
    if first is not None:
        connection.execute(update(relay_checkpoint).where(relay_checkpoint.c.seq >= first).values(seq=first - 1))
