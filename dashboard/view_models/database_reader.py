"""Read the database for all pages: only what changed since the last read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from application import Application
from dashboard.view_models.snapshot import YOUNG, DatabaseState, Timed, Young
from db import lookups, notification_queries, queries
from db.counting import CommissionCount, GrowingCount
from db.errors import DatabaseUnavailable
from db.hops import HOPS
from db.notification_queries import NotificationRow
from db.queries import Deliveries
from db.tables import notification, outbox_event, processed_message
from domain.clock import utc_now
from domain.message import extract_message

ROWS = 20
FIRST = 2_000
KEEP = 20_000
"""Events whose timestamps are kept in memory (some 400 bytes each)."""
OVERLAP = 100
"""Notifications that are read again each time, because on MySQL a lower `seq` may commit later."""
CHUNK = 500
HOPS_COME_WITHIN = timedelta(seconds=20)
"""Timestamps are written after their event; those that are missing after this time were lost with their process."""
LOOK_ANYWAY_S = 4.0
YOUNG_S = 1.5
"""Within this time an event that met no fault has reached every source, and has been read from each."""


class DatabaseReader:
    """Read in one thread. `state` is replaced as a whole, so that other threads may take it at any time."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.state = DatabaseState()
        self._heads: lookups.Heads | None = None
        self._looked = 0.0
        self._feed_ids: tuple[str, ...] = ()
        self._created = CommissionCount()
        self._committed = GrowingCount(outbox_event)
        self._notified = GrowingCount(notification)
        self._outcomes = GrowingCount(processed_message, processed_message.c.outcome)
        self._row_deleted = 0
        self._is_doubted = False
        self._timed: dict[str, Timed] = {}
        self._incomplete: dict[str, NotificationRow] = {}
        self._last_seq = 0
        self._past: deque[tuple[float, int]] = deque()
        self._settled = 0

    def step(self, feed_ids: Sequence[str]) -> None:
        """Update the state; an unavailable database becomes a problem in the state and is not raised."""
        try:
            with self._application.reading(consistent=True) as connection:
                heads = lookups.read_heads(connection)
                stale = time.monotonic() - self._looked > LOOK_ANYWAY_S
                same = heads == self._heads and tuple(feed_ids) == self._feed_ids and not self._incomplete
                same = same and not self._is_doubted
                if same and not stale and self.state.problem is None:
                    return
                self._read(connection, heads, tuple(feed_ids))
        except DatabaseUnavailable as error:
            if self.state.problem != extract_message(error):
                self.state = replace(self.state, version=self.state.version + 1, problem=extract_message(error))

    def doubt(self) -> None:
        """Count everything again: when the sources differ, a wrong sum of increments must not be the cause."""
        for count in (self._created, self._committed, self._notified, self._outcomes):
            count.recount()
        self._is_doubted = True

    def _read(self, connection: Connection, heads: lookups.Heads, feed_ids: tuple[str, ...]) -> None:
        if self._heads is not None and heads.notification < self._heads.notification:
            self._timed, self._last_seq, self._settled = {}, 0, 0  # the tables were emptied
            self._past.clear()
            self._created.recount()
        self._time(connection)
        if self._is_doubted:
            self._row_deleted = notification_queries.count_without_row(connection)
            self._is_doubted = False
        outbox = tuple(queries.recent_outbox(connection, ROWS))
        if not self.state.version:  # show the rows before the first count, which reads whole tables
            commissions = tuple(queries.recent_commissions(connection, ROWS))
            self.state = replace(self.state, version=1, commissions=commissions, outbox=outbox)
        read = replace(
            self.state,
            problem=None,
            commissions=tuple(queries.recent_commissions(connection, ROWS)),
            outbox=outbox,
            hops=queries.read_hop_times(connection, [row.id for row in outbox]),
            deliveries_of=lookups.delivery_counts(connection, feed_ids),
            created=self._created.read(connection, heads.commission_updated),
            committed=self._committed.read(connection).get(None, 0) + self._row_deleted,
            row_deleted=self._row_deleted,
            notified=self._notified.read(connection).get(None, 0),
            dead_lettered=lookups.count_dead_without_notification(connection),
            parked=lookups.count_parked(connection),
            deliveries=Deliveries(**{str(key): n for key, n in self._outcomes.read(connection).items()}),
            retried=heads.failing,
            young=self._young(connection, heads),
            timed=tuple(self._timed.values()),
        )
        self._heads, self._feed_ids, self._looked = heads, feed_ids, time.monotonic()
        if read != self.state:
            self.state = replace(read, version=self.state.version + 1)

    def all_arrived(self, outbox_head: int) -> None:
        """Note that every source has the events up to this `seq`: they no longer count as young."""
        self._settled = max(self._settled, outbox_head)

    def _young(self, connection: Connection, heads: lookups.Heads) -> Young:
        now = time.monotonic()
        self._past.append((now, heads.outbox))
        while len(self._past) > 1 and self._past[1][0] <= now - YOUNG_S:
            self._past.popleft()
        at, old = self._past[0]
        if now - at >= YOUNG_S:
            self.all_arrived(old)
        self._settled = min(max(self._settled, heads.outbox - YOUNG), heads.outbox)
        events, dead = lookups.events_above(connection, self._settled)
        notified = frozenset(event.notification_seq for event in events if event.notification_seq is not None)
        created = sum(event.aggregate_version == 1 for event in events)
        return Young(self._settled, len(events), notified, heads.notification, dead, created)

    def _time(self, connection: Connection) -> None:
        """Add the events notified since the last read, and timestamps that were written late."""
        if self._last_seq:
            rows = notification_queries.notifications_after(connection, max(0, self._last_seq - OVERLAP), FIRST)
        else:
            rows = list(reversed(notification_queries.recent_notifications(connection, FIRST)))
        self._last_seq = max([self._last_seq, *(row.seq for row in rows)])
        late = utc_now() - HOPS_COME_WITHIN
        wanted = {event_id: row for event_id, row in self._incomplete.items() if row.notified_at > late}
        wanted |= {row.event_id: row for row in rows if row.event_id not in self._timed}
        self._incomplete = {}
        ids = list(wanted)
        for start in range(0, len(ids), CHUNK):
            hops = queries.read_hop_times(connection, ids[start : start + CHUNK])
            for row in (wanted[event_id] for event_id in ids[start : start + CHUNK]):
                timestamps = hops.get(row.event_id, {})
                self._timed[row.event_id] = Timed(
                    row.event_id, row.seq, row.type, row.commission_id, row.correlation_id, timestamps
                )
                if len(timestamps) < len(HOPS) and row.notified_at > late:
                    self._incomplete[row.event_id] = row
        for event_id in list(self._timed)[: max(0, len(self._timed) - KEEP)]:
            del self._timed[event_id]
