"""Build the lines of the audit file, and leave out the rows that cannot be written or that end the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from db.notification_queries import NotificationRow
from workers import audit_file
from workers.rows_in_work import RowsInWork


class AuditLines:
    def __init__(self, work: RowsInWork | None, leave_out: Callable[[int, Exception], None]) -> None:
        """`work`: where rows in work are recorded for the next process; None: no row is blamed for the end of a process.

        `leave_out(seq, error)` is called for each row that gets no line.
        """
        self._work = work
        self._leave_out = leave_out

    def build(self, rows: Sequence[NotificationRow]) -> tuple[list[NotificationRow], list[tuple[int, bytes]]]:
        """Return the rows that can be written, and their lines with their `seq`. The others are left out."""
        writable, lines = [], []
        for row in self._in_work(rows):
            try:
                lines.append((row.seq, audit_file.line(row)))
                writable.append(row)
            except Exception as error:
                self._leave_out(row.seq, error)
        return writable, lines

    def _in_work(self, rows: Sequence[NotificationRow]) -> Iterator[NotificationRow]:
        """Yield rows that are recorded as in work, one at a time when one may have ended a process. Leave out fatal ones."""
        work = self._work
        if work is None or not rows:
            yield from rows
            return
        seqs = sorted(row.seq for row in rows)
        alone = work.is_next_suspect(seqs[0] - 1)
        if not alone:
            work.enter(seqs[0], seqs[-1])
        for row in rows:
            deaths = work.fatal_deaths(row.seq)
            if deaths:
                self._leave_out(row.seq, RuntimeError(f"it ended the audit process {deaths} times"))
                continue
            if alone:
                work.enter(row.seq, row.seq)
            yield row
        work.leave(seqs[-1])
