"""Read notifications for the audit process. A row that cannot be read is reported and skipped, and the others are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from db import notification_queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from db.notification_queries import NotificationRow
from workers import audit_file
from workers.audit_index import AuditIndex

PAGE = 1000
"""Rows that are read at a time."""
GAPS_PER_CHECK = 25
"""Gaps of the numbers that each check reads again: the newest, and as many of the others in turn."""


class AuditRows:
    """Read rows. Every method raises DatabaseUnavailable or SQLAlchemyError; any other error concerns one row only."""

    def __init__(self, engine: Engine, leave_out: Callable[[int, Exception], None]) -> None:
        self._engine = engine
        self._leave_out = leave_out
        """Called with the `seq` of a row that cannot be read and the error."""

    def starting_at(self, seq: int, limit: int) -> list[NotificationRow]:
        """Return up to `limit` rows from this `seq` on, in order."""
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                return notification_queries.notifications_after(connection, seq - 1, limit)
        except (DatabaseUnavailable, SQLAlchemyError):
            raise
        except Exception:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                seqs = notification_queries.notification_seqs_after(connection, seq - 1, limit)
            return self._read_one_by_one(seqs)

    def at(self, seqs: Sequence[int]) -> list[NotificationRow]:
        """Return the rows with these numbers that exist, in order."""
        if not seqs:
            return []
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                return notification_queries.notifications_at(connection, seqs)
        except (DatabaseUnavailable, SQLAlchemyError):
            raise
        except Exception:
            return self._read_one_by_one(seqs)

    def within(self, ranges: Sequence[tuple[int, int]], limit: int) -> list[NotificationRow]:
        """Return the first rows within these ranges of numbers, in order."""
        if not ranges:
            return []
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            seqs = notification_queries.notification_seqs_in(connection, ranges, limit)
        return self.at(seqs)

    def _read_one_by_one(self, seqs: Sequence[int]) -> list[NotificationRow]:
        rows: list[NotificationRow] = []
        for seq in seqs:
            try:
                with translated(), self._engine.connect().execution_options(**READ) as connection:
                    rows += notification_queries.notifications_at(connection, [seq])
            except (DatabaseUnavailable, SQLAlchemyError):
                raise
            except Exception as error:
                self._leave_out(seq, error)
        return rows


class NewRows:
    """Finds the notifications that no line of the audit file stands for."""

    def __init__(self, rows: AuditRows) -> None:
        self._rows = rows
        self._next_gap = 0

    def read(self, index: AuditIndex) -> list[NotificationRow] | None:
        """Return rows that were committed late, then rows beyond the head. Raise as `AuditRows` does.

        None: the newest row that has a line is gone or was replaced, so the table was emptied after the line was written.
        """
        newest, head = index.newest, index.head
        gaps = index.newest_gaps(GAPS_PER_CHECK)
        if len(gaps) >= GAPS_PER_CHECK:
            further_gaps, self._next_gap = index.gaps_above(self._next_gap, GAPS_PER_CHECK)
            gaps = list({*gaps, *further_gaps})
        if newest is not None and newest.seq == head:  # always, unless rows after it were left out
            rows = self._rows.starting_at(head, PAGE + 1)
            first, rows = rows[:1], rows[1:]
        else:
            rows = self._rows.starting_at(head + 1, PAGE)
            first = self._rows.at([newest.seq]) if newest is not None else []
        if newest is not None and not any(newest.matches(row.seq, audit_file.line(row)) for row in first):
            return None
        return self._rows.within(gaps, PAGE) + rows
