"""Taking outbox rows out that have done their work; their ids stay in `pruned_event`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, func, insert, select

from db.errors import translated
from db.tables import hop_time, notification, outbox_event, pruned_event


@dataclass(frozen=True, slots=True)
class Candidate:
    seq: int
    event_id: str
    notified: bool


def candidates(connection: Connection, after_seq: int, before: datetime, keep: int, limit: int) -> list[Candidate]:
    """The next rows beyond `after_seq` that are older than `before` and not among the newest `keep`, oldest first."""
    known = select(notification.c.event_id).where(notification.c.event_id == outbox_event.c.id).exists()
    query = (
        select(outbox_event.c.seq, outbox_event.c.id, known)
        .where(outbox_event.c.seq > after_seq, outbox_event.c.occurred_at < before)
        .order_by(outbox_event.c.seq)
        .limit(limit)
    )
    if keep:
        newest = select(outbox_event.c.seq).order_by(outbox_event.c.seq.desc()).limit(keep).subquery()
        lowest = connection.scalar(select(func.min(newest.c.seq)))
        query = query.where(outbox_event.c.seq < (lowest or 0))
    return [Candidate(seq, event_id, bool(known)) for seq, event_id, known in connection.execute(query)]


def remove(engine: Engine, event_ids: Sequence[str]) -> int:
    """Move these rows' ids to `pruned_event` and delete them with their hop times, in one transaction; how many went.

    Only those with a notification go, looked at again here. Needs the admin user. Raises DatabaseUnavailable.
    """
    chosen = outbox_event.c.id.in_(event_ids)
    known = select(notification.c.event_id).where(notification.c.event_id == outbox_event.c.id).exists()
    now = datetime.now(UTC).replace(tzinfo=None)
    with translated(), engine.begin() as connection:
        columns = (outbox_event.c.id, outbox_event.c.seq, outbox_event.c.correlation_id, outbox_event.c.occurred_at)
        rows = [
            {"event_id": row[0], "seq": row[1], "correlation_id": row[2], "occurred_at": row[3], "pruned_at": now}
            for row in connection.execute(select(*columns).where(chosen, known))
        ]
        if rows:
            gone = [row["event_id"] for row in rows]
            connection.execute(insert(pruned_event), rows)
            connection.execute(delete(outbox_event).where(outbox_event.c.id.in_(gone)))
            connection.execute(delete(hop_time).where(hop_time.c.event_id.in_(gone)))
    return len(rows)
