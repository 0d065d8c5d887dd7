"""Find the numbers of the outbox that have no row: rolled back, deleted by hand, or of a transaction that has not ended."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from db.tables import outbox_event, pruned_event

Range = tuple[int, int]
"""Numbers from the first to the last one, both included."""


def find_gaps(connection: Connection, below: int, limit: int) -> list[Range]:
    """Return the ranges of numbers from 1 to `below - 1` that no row has or had, ascending and at most `limit` of them.

    Rows that were pruned had one. A row that commits later than this is read has its number in one of the ranges.
    """
    rows = select(outbox_event.c.seq).where(outbox_event.c.seq < below)
    pruned_rows = select(pruned_event.c.seq).where(pruned_event.c.seq < below)
    numbers = rows.union(pruned_rows).subquery()
    previous = func.coalesce(func.lag(numbers.c.seq).over(order_by=numbers.c.seq), 0).label("previous")
    steps = select(numbers.c.seq, previous).subquery()
    jumps = select(steps).where(steps.c.seq - steps.c.previous > 1).order_by(steps.c.seq).limit(limit)
    gaps = [(row.previous + 1, row.seq - 1) for row in connection.execute(jumps)]
    last = connection.scalar(select(func.max(numbers.c.seq))) or 0
    if last < below - 1 and len(gaps) < limit:
        gaps.append((last + 1, below - 1))
    return gaps
