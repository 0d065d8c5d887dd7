"""Read dead letters. Every function takes a connection opened with `db.engine.READ`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from db.queries import select_ids
from db.tables import dead_letter

PRUNED = {"alpes-pruned": "true"}
"""Properties of a dead letter whose body was pruned."""


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
    discarded_at: datetime | None = None
    discard_note: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Return whether it was neither requeued nor discarded."""
        return self.requeued_at is None and self.discarded_at is None


WAITING = dead_letter.c.requeued_at.is_(None) & dead_letter.c.discarded_at.is_(None)


def dead_letters(connection: Connection, limit: int = 50, waiting_only: bool = False) -> list[DeadLetterRow]:
    columns = (dead_letter.c[name] for name in DeadLetterRow.__slots__)
    query = select(*columns).order_by(dead_letter.c.seq.desc()).limit(limit)
    if waiting_only:
        query = query.where(WAITING)
    return [DeadLetterRow(**row) for row in connection.execute(query).mappings()]


def dead_letters_at(connection: Connection, seqs: Sequence[int]) -> list[DeadLetterRow]:
    """Return the dead letters with these numbers that exist, in order."""
    columns = (dead_letter.c[name] for name in DeadLetterRow.__slots__)
    query = select(*columns).where(dead_letter.c.seq.in_(seqs)).order_by(dead_letter.c.seq)
    return [DeadLetterRow(*row) for row in connection.execute(query)]


def dead_letters_pruned(connection: Connection, seqs: Sequence[int]) -> dict[int, bool]:
    """Return `seq` → whether the body was pruned, for the dead letters that exist."""
    pruned: dict[int, bool] = {}
    for start in range(0, len(seqs), 500):
        query = select(dead_letter.c.seq, dead_letter.c.properties)
        for seq, properties in connection.execute(query.where(dead_letter.c.seq.in_(seqs[start : start + 500]))):
            pruned[seq] = properties == PRUNED
    return pruned


def dead_letter_seqs(connection: Connection) -> list[int]:
    """Return the numbers of all dead letters that were neither requeued nor discarded, oldest first."""
    query = select(dead_letter.c.seq).where(WAITING).order_by(dead_letter.c.seq)
    return list(connection.scalars(query))


def dead_letter_ids(connection: Connection, correlation_id: str | None = None) -> set[str]:
    """Return the ids of events that were dead-lettered, requeued ones too."""
    query = select(dead_letter.c.event_id).where(dead_letter.c.event_id.is_not(None))
    return select_ids(connection, query, dead_letter.c.correlation_id, correlation_id)


def dead_letter_reasons(connection: Connection, event_ids: Sequence[str]) -> dict[str, str]:
    """Return event id → a sentence on why it was last dead-lettered."""
    columns = dead_letter.c.event_id, dead_letter.c.topic, dead_letter.c.reason, dead_letter.c.detail
    # Compare ids here: SQLite does not find an id that is a BLOB by its text.
    query = select(*columns).where(dead_letter.c.event_id.is_not(None)).order_by(dead_letter.c.seq)
    requested = set(event_ids)
    return {
        event_id: f"{reason} on {topic.rpartition('/')[2]}: {detail[:200]}"
        for event_id, topic, reason, detail in connection.execute(query)
        if event_id in requested
    }
