"""Count the rows of growing tables without a full count each time.

COUNT(*) over a million rows takes a second on MySQL. Rows up to a settled `seq` are counted once; only newer rows are counted
again. On MySQL a lower `seq` may commit after a higher one, so a `seq` is settled only when it was the head `SETTLE_S` ago.
A full count from time to time finds rows that committed even later, and pruned rows.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Table, case, func, select

from db.tables import commission
from domain.clock import utc_now

SETTLE_S = 60.0
"""Longer than any transaction of this system may hold its rows: locks time out earlier."""
RECOUNT_S = 600.0


@dataclass(slots=True)
class GrowingCount:
    """The number of rows of a table for each value of a column, or of all rows under the key None."""

    table: Table
    by: Column[str] | None = None
    _settled: int = 0
    _base: dict[str | None, int] = field(default_factory=dict)
    _lowest: int | None = None
    _heads: deque[tuple[float, int]] = field(default_factory=deque)
    _recount_at: float = 0.0

    def read(self, connection: Connection) -> dict[str | None, int]:
        """Return the counts. Raise SQLAlchemy's errors; then nothing was changed."""
        now = time.monotonic()
        seq = self.table.c.seq
        lowest, head = connection.execute(
            select(select(func.min(seq)).scalar_subquery(), select(func.max(seq)).scalar_subquery())
        ).one()
        if now >= self._recount_at or lowest != self._lowest or (head or 0) < self._settled:
            self._settled, self._base, self._lowest = 0, {}, lowest
            self._heads.clear()
            self._recount_at = now + RECOUNT_S
            # The newest rows are not settled: they are counted again until they are.
            self._settled = max(0, (head or 0) - 2000)
            self._base = self._count_settled(connection)
        self._settle(connection, now, head or 0)
        counts = dict(self._base)
        for key, count in self._count_between(connection, self._settled, None).items():
            counts[key] = counts.get(key, 0) + count
        return counts

    def _settle(self, connection: Connection, now: float, head: int) -> None:
        if not self._heads or now - self._heads[-1][0] >= SETTLE_S / 10:
            self._heads.append((now, head))
        while self._heads and now - self._heads[0][0] >= SETTLE_S:
            settled = self._heads.popleft()[1]
            if settled > self._settled:
                for key, count in self._count_between(connection, self._settled, settled).items():
                    self._base[key] = self._base.get(key, 0) + count
                self._settled = settled

    def _count_settled(self, connection: Connection) -> dict[str | None, int]:
        """Count the rows up to `_settled`, as all rows without those after it.

        A condition on `seq` would make SQLite read whole rows: 350 ms for a million. Without one it reads an index. One
        statement counts both, because two would see different rows.
        """
        newer, every = self.table.c.seq > self._settled, func.count()
        if self.by is None:
            all_rows, newer_rows = (select(every).select_from(self.table) for _ in range(2))
            counted = select(all_rows.scalar_subquery(), newer_rows.where(newer).scalar_subquery())
            total, unsettled = connection.execute(counted).one()
            return {None: total - unsettled}
        grouped = select(self.by, every - func.sum(case((newer, 1), else_=0))).group_by(self.by)
        return {row[0]: int(row[1]) for row in connection.execute(grouped)}

    def _count_between(self, connection: Connection, above: int, upto: int | None) -> dict[str | None, int]:
        seq = self.table.c.seq
        query = select(func.count()).where(seq > above)
        if upto is not None:
            query = query.where(seq <= upto)
        if self.by is None:
            return {None: connection.scalar(query.select_from(self.table)) or 0}
        # To group a few new rows, SQLite would read the whole index of the column: 40 ms for a million rows. An expression
        # has no index, so SQLite groups without one.
        key = self.by if not above else func.coalesce(self.by, "")
        grouped = query.add_columns(key).group_by(key)
        return {row[1]: row[0] for row in connection.execute(grouped)}

    def recount(self) -> None:
        """Let the next `read` count everything, for a caller that doubts the sum."""
        self._recount_at = 0.0


@dataclass(slots=True)
class CommissionCount:
    """The number of commissions. They have no `seq`: those created before a settled time are counted once.

    A commission is not updated before it is created, so the index of `updated_at` finds the ones created since.
    """

    _base: int = 0
    _settled: datetime | None = None
    _newest_update: datetime | None = None
    _recount_at: float = 0.0

    def read(self, connection: Connection, newest_update: datetime | None) -> int:
        """Return the count. `newest_update` is the table's highest `updated_at`; a lower one than before is of emptied tables."""
        is_older = newest_update is None or (self._newest_update is not None and newest_update < self._newest_update)
        self._newest_update = newest_update
        if newest_update is None:
            self._settled = None
            return 0
        settles = utc_now() - timedelta(seconds=SETTLE_S)
        if self._settled is None or is_older or time.monotonic() >= self._recount_at:
            self._recount_at = time.monotonic() + RECOUNT_S
            since = self._count_created_after(connection, settles)
            total = connection.scalar(select(func.count()).select_from(commission)) or 0
            self._base, self._settled = total - since, settles
            return total
        since = self._count_created_after(connection, self._settled)
        if settles - self._settled >= timedelta(seconds=SETTLE_S):
            newer = self._count_created_after(connection, settles)
            self._base, self._settled = self._base + since - newer, settles
            since = newer
        return self._base + since

    def _count_created_after(self, connection: Connection, at: datetime) -> int:
        created = (commission.c.updated_at > at) & (commission.c.created_at > at)
        return connection.scalar(select(func.count()).select_from(commission).where(created)) or 0

    def recount(self) -> None:
        """Let the next `read` count everything, for a caller that doubts the sum."""
        self._recount_at = 0.0
