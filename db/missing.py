"""Find committed events that are missing downstream, and read their rows in order to publish them again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, bindparam, func, select

from db.outbox import RowReader
from db.tables import IS_DEAD_LETTERED, IS_NOTIFIED, outbox_event
from domain.outbox import OutboxRecord, UnreadableRow

NUMBERS_AT_ONCE = 50_000


def find_missing(connection: Connection, head: int) -> dict[int, str]:
    """Return `seq` → event id of the rows up to `head` without a notification and without a dead letter, in order.

    This reads the whole outbox, a range of numbers at a time, so that no statement takes longer the more rows there are.
    """
    is_missing = (~IS_NOTIFIED, ~IS_DEAD_LETTERED)
    query = select(outbox_event.c.seq, outbox_event.c.id).where(*is_missing).order_by(outbox_event.c.seq)
    missing: dict[int, str] = {}
    lowest = connection.scalar(select(func.min(outbox_event.c.seq))) or 0
    for first in range(lowest, head + 1, NUMBERS_AT_ONCE):
        last = min(head, first + NUMBERS_AT_ONCE - 1)
        missing.update(connection.execute(query.where(outbox_event.c.seq.between(first, last))).tuples().all())
    return missing


class ChosenRows(RowReader):
    """The feed of a `connectors.relay.Relay` that publishes these rows only. Its checkpoint is kept in memory."""

    def __init__(self, engine: Engine, seqs: Sequence[int]) -> None:
        """`seqs` are ascending."""
        super().__init__(engine)
        self._seqs = seqs
        self._chosen = self._rows.where(outbox_event.c.seq.in_(bindparam("chosen", expanding=True)))
        self.checkpoint = 0
        """Highest `seq` up to which the broker acknowledged every row or the row was refused."""
        self.refused: dict[int, str] = {}
        """`seq` → why the row can never be published."""
        self.exhausted = False
        """Whether the last row has been read."""

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        """Return the next rows above `seq`, up to `limit`, in order. Rows deleted meanwhile are left out."""
        first = bisect_right(self._seqs, seq)
        while chosen := self._seqs[first : first + limit]:
            rows = self._read(self._chosen, {"chosen": chosen})
            if rows:
                return rows
            first += limit
        self.exhausted = True
        return []

    def count_settled(self) -> int:
        """Return the number of chosen rows up to the checkpoint."""
        return bisect_right(self._seqs, self.checkpoint)

    def load_checkpoint(self) -> int:
        return self.checkpoint

    def save_checkpoint(self, seq: int) -> None:
        self.checkpoint = seq

    def park(self, seq: int, reason: str, detail: str) -> bool:
        """Note why the row cannot be published. The dead letters stay as they are: the row's own capture judges it too."""
        self.refused[seq] = f"{reason}: {detail}"
        return True
