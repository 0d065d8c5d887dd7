"""Reconcile for the page: count events in four sources, and judge whether a difference lasts too long."""

from __future__ import annotations

import bisect
import contextlib
import json
import sqlite3
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from application import Application
from dashboard.view_models.snapshot import DatabaseState, FeedState
from db import lookups, outbox
from db.errors import DatabaseUnavailable
from domain.message import Message, extract_message
from settings import Settings
from workers.observer_store import ObserverStore

STAYS_S = 5.0
"""An event that is missing in a source after this time is shown in red, unless it is known what it waits for."""
NEWEST = 5_000
"""How many of the newest ids the page compares one by one; `./alpes reconcile` compares all."""
LISTED = 200
TAIL_BYTES = 4 << 20

Judgement = Literal["equal", "in_flight", "waiting", "differs", "unknown"]
"""`waiting`: events are missing for more than `STAYS_S`, and a component is not healthy or the backlog shrinks."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of distinct events in each source of this instance; None if the source cannot be read now."""

    committed: int | None
    """With the events whose outbox row was deleted."""
    published: int | None
    notified: int | None
    audited: int | None
    dead_lettered: int = 0
    parked: int = 0
    """Those of the dead-lettered events whose outbox rows cannot be published: nothing waits for their publication."""
    watermark: int | None = None
    deliveries: int | None = None
    duplicates: int | None = None
    delivered: int | None = None
    """Distinct events that a worker received and committed."""
    created: int | None = None
    """Commissions."""
    row_deleted: int = 0

    @property
    def uncaptured(self) -> int | None:
        """Return how many committed events capture has not published and not parked; None if that is not known."""
        if self.committed is None or self.published is None:
            return None
        return max(0, self.committed - self.published - self.parked)

    @property
    def in_flight(self) -> int | None:
        if self.committed is None or self.notified is None:
            return None
        return max(0, self.committed - self.notified - self.dead_lettered)

    @property
    def equal(self) -> bool:
        return self.committed is not None and all(count == self.committed for count in self.arrived())

    @property
    def behind(self) -> int:
        """Return how many committed events are missing in the source that has fewest; negative if all have more."""
        return (self.committed or 0) - min((count for count in self.arrived() if count is not None), default=0)

    def arrived(self) -> tuple[int | None, int | None, int | None]:
        """Return the counts that should equal `committed`; dead-lettered events count as notified and audited, parked ones
        as published."""
        published = None if self.published is None else self.published + self.parked
        notified = None if self.notified is None else self.notified + self.dead_lettered
        audited = None if self.audited is None else self.audited + self.dead_lettered
        return published, notified, audited


def counts(database: DatabaseState, feed: FeedState) -> Counts:
    away = database.problem is not None or database.version == 0
    return Counts(
        committed=None if away else database.committed,
        published=None if feed.problem else feed.published,
        notified=None if away else database.notified,
        audited=feed.audited,
        dead_lettered=database.dead_lettered,
        parked=database.parked,
        watermark=None if feed.problem else feed.watermark,
        deliveries=None if away else database.deliveries.total,
        duplicates=None if away else database.deliveries.duplicate,
        delivered=None if away else database.deliveries.applied,
        created=None if away else database.created,
        row_deleted=database.row_deleted,
    )


@dataclass(frozen=True, slots=True)
class ShownCounts:
    counts: Counts
    newer: int = 0
    """Committed events that are too young to be counted."""
    in_flight: int | None = None
    """Events in flight, including the young ones."""
    captured: int | None = None
    """Counted events up to the highest outbox `seq` seen on Pulsar."""


def exclude_young(database: DatabaseState, feed: FeedState) -> ShownCounts:
    """Return the counts as a page shows them: events of the last second are left out until every source has them.

    The sources are read one after the other. While events come, each source has some that another did not have when it
    was read; the audit file may then seem to have events that were never committed.
    """
    now, young = counts(database, feed), database.young
    if now.committed is None or now.notified is None or now.delivered is None or now.equal:
        return ShownCounts(now, 0, now.in_flight, now.committed if now.equal else now.published)
    published, audited = now.published, now.audited
    if published is not None:
        published -= len(feed.newest_published) - bisect.bisect_right(feed.newest_published, young.above)
    if audited is not None:
        audited -= sum(seq in young.notified or seq > young.notification_head for seq in feed.newest_audited)
    older = replace(
        now,
        committed=now.committed - young.committed,
        published=published,
        notified=now.notified - len(young.notified),
        audited=audited,
        dead_lettered=now.dead_lettered - young.dead_lettered,
        delivered=now.delivered - len(young.notified),
        created=None if now.created is None else now.created - young.created,
    )
    captured = older.committed if (now.watermark or 0) >= young.above else older.arrived()[0]
    return ShownCounts(older, young.committed, now.in_flight, captured)


class Steady:
    """Keep the result of `exclude_young` from decreasing: what was counted once stays shown. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = ShownCounts(Counts(None, None, None, None))
        self._version = (0, 0)

    def look(self, database: DatabaseState, feed: FeedState) -> ShownCounts:
        version = (database.version, feed.version)
        with self._lock:
            if version == self._version:
                return self._last  # calculated once for all open pages
            self._version = version
            result, last = exclude_young(database, feed), self._last.counts.committed
            if result.counts.committed is not None and last is not None:
                ahead = last - result.counts.committed
                if 0 < ahead <= result.newer:  # a larger decrease means that the tables were emptied
                    result = replace(self._last, newer=result.newer - ahead, in_flight=result.in_flight)
            self._last = result
            return result


class Judge:
    """Distinguish events in flight, events that wait, and events that stay missing; it needs the counts as they change.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._past: deque[tuple[float, int]] = deque()
        self._surplus_since: float | None = None
        self._arrived = -1
        self._waits_at = 0.0

    def look(self, current: Counts, now: float, all_healthy: bool = True) -> Judgement:
        """Return the judgement on the counts; `now` is in seconds of a monotonic clock.

        While a component is not healthy, and until no event has arrived for `STAYS_S` since then, events wait for it.
        """
        with self._lock:
            if current.committed is None or current.notified is None:
                return "unknown"
            if not self._past or now - self._past[-1][0] >= 0.2:
                self._past.append((now, current.committed))
            while len(self._past) > 1 and self._past[1][0] <= now - STAYS_S:
                self._past.popleft()
            at, then = self._past[0]
            arrived = current.committed - current.behind
            if not all_healthy or arrived != self._arrived:
                self._arrived, self._waits_at = arrived, now
            return self._judge(current, current.committed, now, then if now - at >= STAYS_S else 0)

    def _judge(self, current: Counts, committed: int, now: float, then: int) -> Judgement:
        """Return the judgement; `then` is how many events were committed `STAYS_S` ago, 0 if that is not known yet."""
        arrived = current.arrived()
        readable = [count for count in arrived if count is not None]
        if any(count > committed for count in readable):
            if self._surplus_since is None:
                self._surplus_since = now
            return "differs" if now - self._surplus_since >= STAYS_S else "in_flight"
        self._surplus_since = None
        if all(count == committed for count in readable):
            return "equal" if len(readable) == len(arrived) else "unknown"
        if min(readable) >= min(then, committed):
            return "in_flight"
        return "differs" if now - self._waits_at >= STAYS_S else "waiting"


@dataclass(frozen=True, slots=True)
class Missing:
    """The ids of missing events by the source that lacks them, newest first, at most `LISTED` each."""

    not_published: tuple[str, ...] = ()
    not_notified: tuple[str, ...] = ()
    not_audited: tuple[str, ...] = ()
    problem: Message | None = None


def missing(application: Application, settings: Settings) -> Missing:
    """Return the ids of missing events. It reads thousands of rows, so call it rarely and in the background."""
    try:
        with application.reading() as connection:
            committed = list(lookups.outbox_seqs(connection, NEWEST))
            not_notified = lookups.find_not_notified(connection, LISTED)
            notified = lookups.read_newest_notified(connection, NEWEST)
            parked = outbox.parked_ids(connection)
    except DatabaseUnavailable as error:
        return Missing(problem=extract_message(error))
    published = _published(settings, committed) | parked
    audited = _audited_lately(settings.audit_file)
    return Missing(
        tuple(event_id for event_id in committed if event_id not in published)[:LISTED],
        tuple(not_notified),
        tuple(event_id for event_id in notified if event_id not in audited)[:LISTED],
    )


def _published(settings: Settings, event_ids: list[str]) -> set[str]:
    published: set[str] = set()
    with contextlib.suppress(sqlite3.Error):
        store = ObserverStore(settings.observer_store)
        try:
            published = store.select_published(event_ids)
        finally:
            store.close()
    return published


def _audited_lately(path: Path) -> set[str]:
    """Return the event ids in the last `TAIL_BYTES` of the audit file."""
    event_ids: set[str] = set()
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        for raw in file:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                event_ids.add(str(json.loads(raw)["eventId"]))
    return event_ids


class MissingIds:
    """Look for the ids of missing events in a thread, on request, at most every `EVERY_S`."""

    EVERY_S = 5.0

    def __init__(self, application: Application, settings: Settings) -> None:
        self._application, self._settings = application, settings
        self._lock = threading.Lock()
        self._at = -self.EVERY_S
        self._busy = False
        self.missing = Missing()
        self.version = 0

    def want(self) -> None:
        with self._lock:
            if self._busy or time.monotonic() - self._at < self.EVERY_S:
                return
            self._busy = True
        threading.Thread(target=self._look, name="missing-ids", daemon=True).start()

    def _look(self) -> None:
        try:
            ids = missing(self._application, self._settings)
            if ids != self.missing:
                self.missing = ids
                self.version += 1
        finally:
            self._at, self._busy = time.monotonic(), False
