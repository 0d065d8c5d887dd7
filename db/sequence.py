"""Check the numbers of a back-up's outbox rows: the relay must reach each row, and the next row must find a number."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from db.backup_values import Unfit
from db.tables import outbox_event, pruned_event, relay_checkpoint

LARGEST_JUMP = 2**40
"""How far above the last `seq` the next one may be. Pruned rows leave gaps, and no outbox has had 10**12 rows; the highest
integer is millions of such jumps away."""


def check_sequence(connection: Connection) -> None:
    """Raise Unfit when an outbox row or a checkpoint is out of the range that inserted rows can have."""
    numbers = select(outbox_event.c.seq).union(select(pruned_event.c.seq)).subquery()
    previous = func.coalesce(func.lag(numbers.c.seq).over(order_by=numbers.c.seq), 0).label("previous")
    jumps = select(numbers.c.seq, previous).subquery()
    wrong = select(jumps).where((jumps.c.seq <= 0) | (jumps.c.seq - jumps.c.previous > LARGEST_JUMP))
    row = connection.execute(wrong.order_by(jumps.c.seq).limit(1)).first()
    if row is not None:
        raise Unfit(f"table outbox_event, column seq: {row.seq} cannot come after {row.previous}")
    last = connection.scalar(select(func.max(numbers.c.seq))) or 0
    checkpoints = select(relay_checkpoint.c.seq).where(
        (relay_checkpoint.c.seq < 0) | (relay_checkpoint.c.seq > last + LARGEST_JUMP)
    )
    checkpoint = connection.scalar(checkpoints.limit(1))
    if checkpoint is not None:
        raise Unfit(
            f"table relay_checkpoint, column seq: the relay cannot have passed {checkpoint}, the last row is {last}"
        )
