"""Delete rows that are no longer needed: outbox rows with their timestamps, inbox rows, bodies of requeued dead letters, runs.

The ids of pruned outbox rows stay in `pruned_event`. Every function that deletes needs the admin user and raises
DatabaseUnavailable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, update

from db.dead_letter_queries import PRUNED
from db.errors import translated
from db.tables import (
    IS_NOTIFIED,
    dead_letter,
    event_timing,
    outbox_event,
    processed_message,
    pruned_event,
    scenario_run,
)
from domain.clock import utc_now


@dataclass(frozen=True, slots=True)
class Candidate:
    seq: int
    event_id: str
    notified: bool


@dataclass(frozen=True, slots=True)
class InboxPage:
    last_seq: int
    older: int
    """Number of its rows that were received before the time."""
    removable: list[int]
    """`seq` of the older rows whose event is no longer in the outbox, or that have no event."""


@dataclass(frozen=True, slots=True)
class OutboxPage:
    last_seq: int
    candidates: list[Candidate]
    """The older rows, in order."""


def find_lowest_kept(connection: Connection, keep: int) -> int | None:
    """Return the lowest `seq` of the newest `keep` outbox rows; None when none is kept. This reads as many keys."""
    if not keep:
        return None
    newest = select(outbox_event.c.seq).order_by(outbox_event.c.seq.desc()).limit(keep).subquery()
    return connection.scalar(select(func.coalesce(func.min(newest.c.seq), 0)))


def read_outbox_page(
    connection: Connection, after_seq: int, before: datetime, lowest_kept: int | None, limit: int
) -> OutboxPage | None:
    """Return the next outbox rows above `after_seq` and below `lowest_kept`, None after the last.

    The time is no condition of the query: after the last old row, it would read all the younger ones to find no more.
    """
    row = outbox_event.c
    query = select(row.seq, row.id, IS_NOTIFIED, row.occurred_at < before).where(row.seq > after_seq)
    if lowest_kept is not None:
        query = query.where(row.seq < lowest_kept)
    page = connection.execute(query.order_by(row.seq).limit(limit)).all()
    if not page:
        return None
    older = [Candidate(seq, event_id, bool(notified)) for seq, event_id, notified, is_older in page if is_older]
    return OutboxPage(page[-1][0], older)


def delete_outbox_rows(engine: Engine, event_ids: Sequence[str]) -> int:
    """Move the ids of outbox rows to `pruned_event`, delete the rows and their timestamps, and return how many there were.

    This is one transaction. Rows without a notification, which is checked again here, are kept.
    """
    chosen = outbox_event.c.id.in_(event_ids)
    now = utc_now()
    with translated(), engine.begin() as connection:
        columns = (outbox_event.c.id, outbox_event.c.seq, outbox_event.c.correlation_id, outbox_event.c.occurred_at)
        rows = [
            {"event_id": row[0], "seq": row[1], "correlation_id": row[2], "occurred_at": row[3], "pruned_at": now}
            for row in connection.execute(select(*columns).where(chosen, IS_NOTIFIED))
        ]
        if rows:
            pruned = [row["event_id"] for row in rows]
            connection.execute(insert(pruned_event), rows)
            connection.execute(delete(outbox_event).where(outbox_event.c.id.in_(pruned)))
            connection.execute(delete(event_timing).where(event_timing.c.event_id.in_(pruned)))
    return len(rows)


def read_inbox_page(connection: Connection, after_seq: int, before: datetime, limit: int) -> InboxPage | None:
    """Return the next inbox rows above `after_seq`, None after the last.

    Pruning them is safe: an inbox row counts a delivery, and the unique event id of the notification, which stays, prevents a
    second effect.
    """
    row = processed_message.c
    query = (
        select(row.seq, row.received_at < before, outbox_event.c.seq.is_(None))
        .select_from(processed_message.outerjoin(outbox_event, outbox_event.c.id == row.event_id))
        .where(row.seq > after_seq)
        .order_by(row.seq)
        .limit(limit)
    )
    page = connection.execute(query).all()
    if not page:
        return None
    older = [(seq, is_event_pruned) for seq, is_older, is_event_pruned in page if is_older]
    return InboxPage(page[-1][0], len(older), [seq for seq, is_event_pruned in older if is_event_pruned])


def delete_inbox_rows(engine: Engine, seqs: Sequence[int]) -> int:
    """Delete inbox rows and return how many there were."""
    with translated(), engine.begin() as connection:
        return connection.execute(delete(processed_message).where(processed_message.c.seq.in_(seqs))).rowcount


def find_settled_dead_letters(connection: Connection, before: datetime, after_seq: int, limit: int) -> list[int]:
    """Return the `seq` of the next dead letters requeued or discarded before a time that still have their body."""
    query = (
        select(dead_letter.c.seq)
        .where(
            dead_letter.c.seq > after_seq,
            or_(dead_letter.c.requeued_at < before, dead_letter.c.discarded_at < before),
            func.length(dead_letter.c.payload) > 0,
        )
        .order_by(dead_letter.c.seq)
        .limit(limit)
    )
    return list(connection.scalars(query))


def delete_bodies(engine: Engine, seqs: Sequence[int]) -> int:
    """Delete the bodies of dead letters. Their rows stay, because the order of events is judged by them."""
    with translated(), engine.begin() as connection:
        chosen = update(dead_letter).where(dead_letter.c.seq.in_(seqs))
        return connection.execute(chosen.values(payload=b"", properties=PRUNED)).rowcount


def find_old_runs(connection: Connection, before: datetime, keep: int) -> list[str]:
    """Return the ids of the scenario runs that ended before a time, without the newest `keep`."""
    newest = select(scenario_run.c.id).order_by(scenario_run.c.started_at.desc(), scenario_run.c.id).limit(keep)
    newest_ids = set(connection.scalars(newest))
    ended = select(scenario_run.c.id).where(scenario_run.c.finished_at < before).order_by(scenario_run.c.started_at)
    return [run_id for run_id in connection.scalars(ended) if run_id not in newest_ids]


def delete_run(engine: Engine, run_id: str) -> None:
    """Delete a scenario run."""
    with translated(), engine.begin() as connection:
        connection.execute(delete(scenario_run).where(scenario_run.c.id == run_id))
