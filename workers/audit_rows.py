"""The notifications as the audit process reads them: a row that cannot be read is named and keeps no other one out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from db import queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from db.queries import NotificationRow


class AuditRows:
    """Every method raises DatabaseUnavailable or SQLAlchemyError; any other error is one row's own."""

    def __init__(self, engine: Engine, leave_out: Callable[[int, Exception], None]) -> None:
        self._engine = engine
        self._leave_out = leave_out
        """Told of the `seq` of a row that cannot be read, and why."""

    def starting_at(self, seq: int, limit: int) -> list[NotificationRow]:
        """The next rows, in order."""
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                return queries.notifications_after(connection, seq - 1, limit)
        except (DatabaseUnavailable, SQLAlchemyError):
            raise
        except Exception:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                seqs = queries.notification_seqs_after(connection, seq - 1, limit)
            return self._one_by_one(seqs)

    def at(self, seqs: Sequence[int]) -> list[NotificationRow]:
        """Those there are of these numbers, in order."""
        if not seqs:
            return []
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                return queries.notifications_at(connection, seqs)
        except (DatabaseUnavailable, SQLAlchemyError):
            raise
        except Exception:
            return self._one_by_one(seqs)

    def within(self, ranges: Sequence[tuple[int, int]], limit: int) -> list[NotificationRow]:
        """The first rows within these ranges of numbers, in order."""
        if not ranges:
            return []
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            seqs = queries.notification_seqs_in(connection, ranges, limit)
        return self.at(seqs)

    def _one_by_one(self, seqs: Sequence[int]) -> list[NotificationRow]:
        rows: list[NotificationRow] = []
        for seq in seqs:
            try:
                with translated(), self._engine.connect().execution_options(**READ) as connection:
                    rows += queries.notifications_at(connection, [seq])
            except (DatabaseUnavailable, SQLAlchemyError):
                raise
            except Exception as error:
                self._leave_out(seq, error)
        return rows
