"""Read which of the newest events wait for a notification, and which have one.

Every function takes a connection opened with `db.engine.READ`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from db.queries import outbox_head
from db.tables import IS_DEAD_LETTERED, IS_NOTIFIED, notification, outbox_event
from domain import clock

SEARCHED_ROWS = 1000
"""How many outbox rows below the head are searched: health is asked for each second."""


@dataclass(frozen=True, slots=True)
class Step:
    """An event and the time of what happened to it last, in microseconds since the epoch."""

    event_id: str
    at_us: int
    seq: int = 0
    """Of its outbox row, where that is read."""


def find_unsettled(connection: Connection) -> list[Step]:
    """Return the newest committed events that have neither a notification nor a dead letter, and when they occurred."""
    columns = outbox_event.c
    newest = columns.seq > outbox_head(connection) - SEARCHED_ROWS
    read = select(columns.id, columns.occurred_at, columns.seq).where(newest, ~IS_NOTIFIED, ~IS_DEAD_LETTERED)
    return [Step(row.id, clock.epoch_us(row.occurred_at), row.seq) for row in connection.execute(read)]


def count_above(connection: Connection, seq: int) -> int:
    """Return the number of outbox rows above a `seq`; numbers that were never assigned do not count."""
    return connection.scalar(select(func.count()).where(outbox_event.c.seq > seq)) or 0


def read_newest_notified(connection: Connection, limit: int, since: datetime) -> list[Step]:
    """Return which of the newest notifications were written after `since`, and when."""
    columns = notification.c
    newest = select(columns.event_id, columns.notified_at).order_by(columns.seq.desc()).limit(limit).subquery()
    rows = connection.execute(select(newest).where(newest.c.notified_at > since))
    return [Step(row.event_id, clock.epoch_us(row.notified_at)) for row in rows]
