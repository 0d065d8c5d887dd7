"""Taking out what has done its work: outbox rows, of which the ids stay in `pruned_event`, with their hop times; inbox rows;
the bodies of dead letters that were requeued; scenario runs. Every function that removes needs the admin user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from db.dead_letter_queries import PRUNED
from db.errors import translated
from db.tables import (
    dead_letter,
    hop_time,
    notification,
    outbox_event,
    processed_message,
    pruned_event,
    scenario_run,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    seq: int
    event_id: str
    notified: bool


@dataclass(frozen=True, slots=True)
class InboxPage:
    last_seq: int
    older: int
    """Rows of it that were received before the time."""
    removable: list[int]
    """The `seq` of those whose event stands in the outbox no more, or that carried none."""


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


def inbox_page(connection: Connection, after_seq: int, before: datetime, limit: int) -> InboxPage | None:
    """The next inbox rows beyond `after_seq`; None behind the last. An inbox row only counts a delivery: what makes an
    effect happen once is the notification's unique event id, which stays."""
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
    older = [(seq, gone) for seq, is_older, gone in page if is_older]
    return InboxPage(page[-1][0], len(older), [seq for seq, gone in older if gone])


def remove_inbox_rows(engine: Engine, seqs: Sequence[int]) -> int:
    """Raises DatabaseUnavailable."""
    with translated(), engine.begin() as connection:
        return connection.execute(delete(processed_message).where(processed_message.c.seq.in_(seqs))).rowcount


def requeued_letters(connection: Connection, before: datetime, after_seq: int, limit: int) -> list[int]:
    """The `seq` of the next dead letters that were requeued before a time and still have their body."""
    query = (
        select(dead_letter.c.seq)
        .where(
            dead_letter.c.seq > after_seq, dead_letter.c.requeued_at < before, func.length(dead_letter.c.payload) > 0
        )
        .order_by(dead_letter.c.seq)
        .limit(limit)
    )
    return list(connection.scalars(query))


def empty_letters(engine: Engine, seqs: Sequence[int]) -> int:
    """Take the bodies of these dead letters out. That they were there stays known: the order of events is judged by it.
    Raises DatabaseUnavailable."""
    with translated(), engine.begin() as connection:
        chosen = update(dead_letter).where(dead_letter.c.seq.in_(seqs))
        return connection.execute(chosen.values(payload=b"", properties=PRUNED)).rowcount


def old_runs(connection: Connection, before: datetime, keep: int) -> list[str]:
    """Ids of the scenario runs that ended before a time, the newest `keep` excepted."""
    newest = select(scenario_run.c.id).order_by(scenario_run.c.started_at.desc(), scenario_run.c.id).limit(keep)
    kept = set(connection.scalars(newest))
    ended = select(scenario_run.c.id).where(scenario_run.c.finished_at < before).order_by(scenario_run.c.started_at)
    return [run_id for run_id in connection.scalars(ended) if run_id not in kept]


def remove_run(engine: Engine, run_id: str) -> None:
    """Raises DatabaseUnavailable."""
    with translated(), engine.begin() as connection:
        connection.execute(delete(scenario_run).where(scenario_run.c.id == run_id))
