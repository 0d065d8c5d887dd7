"""The strip that says whether anything was lost: counts from four sources, and when a difference is too old."""

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
from db import lookups
from db.errors import DatabaseUnavailable
from settings import Settings
from workers.observer_store import ObserverStore

STAYS_S = 5.0
"""An event that is not everywhere after this time is told in red."""
NEWEST = 5_000
"""How many of the newest ids are compared one by one on the page; `./alpes reconcile` compares all."""
LISTED = 200
TAIL_BYTES = 4 << 20

Judgement = Literal["equal", "in_flight", "differs", "unknown"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Distinct event ids of everything in this instance. None where the source cannot be read now."""

    committed: int | None
    published: int | None
    notified: int | None
    audited: int | None
    dead_lettered: int = 0
    watermark: int | None = None
    deliveries: int | None = None
    duplicates: int | None = None
    delivered: int | None = None
    """Distinct events that a worker received and committed."""

    @property
    def in_flight(self) -> int | None:
        if self.committed is None or self.notified is None:
            return None
        return max(0, self.committed - self.notified - self.dead_lettered)

    @property
    def equal(self) -> bool:
        return self.committed is not None and all(count == self.committed for count in self.arrived())

    def arrived(self) -> tuple[int | None, int | None, int | None]:
        """What should equal `committed`; an event that was dead-lettered for good counts as arrived."""
        notified = None if self.notified is None else self.notified + self.dead_lettered
        audited = None if self.audited is None else self.audited + self.dead_lettered
        return self.published, notified, audited


def counts(database: DatabaseState, feed: FeedState) -> Counts:
    away = database.problem is not None or database.version == 0
    return Counts(
        committed=None if away else database.committed,
        published=None if feed.problem else feed.published,
        notified=None if away else database.notified,
        audited=feed.audited,
        dead_lettered=database.dead_lettered,
        watermark=None if feed.problem else feed.watermark,
        deliveries=None if away else database.deliveries.total,
        duplicates=None if away else database.deliveries.duplicate,
        delivered=None if away else database.deliveries.applied,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    counts: Counts
    newer: int = 0
    """Events younger than what is counted."""
    in_flight: int | None = None
    """Of all, the youngest too."""
    captured: int | None = None
    """Of the events counted, those up to the highest outbox `seq` seen on Pulsar."""


def shown(database: DatabaseState, feed: FeedState) -> Shown:
    """The counts as a page shows them.

    Sources are read one after the other: while events come, each knows some that another does not know yet, and the
    audit may seem to have what was never committed. So the events of the last second are counted nowhere, until every
    source has them.
    """
    now, young = counts(database, feed), database.young
    if now.committed is None or now.notified is None or now.delivered is None or now.equal:
        return Shown(now, 0, now.in_flight, now.committed if now.equal else now.published)
    published, audited = now.published, now.audited
    if published is not None:
        published -= len(feed.newest_published) - bisect.bisect_right(feed.newest_published, young.above)
    if audited is not None:
        audited -= sum(seq in young.notified or seq > young.notification_head for seq in feed.newest_audited)
    found = replace(
        now,
        committed=now.committed - young.committed,
        published=published,
        notified=now.notified - len(young.notified),
        audited=audited,
        dead_lettered=now.dead_lettered - young.dead_lettered,
        delivered=now.delivered - len(young.notified),
    )
    captured = found.committed if (now.watermark or 0) >= young.above else published
    return Shown(found, young.committed, now.in_flight, captured)


class Steady:
    """What `shown` tells, never less than before: what was counted a moment ago was true, and stays shown. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = Shown(Counts(None, None, None, None))
        self._version = (0, 0)

    def look(self, database: DatabaseState, feed: FeedState) -> Shown:
        version = (database.version, feed.version)
        with self._lock:
            if version == self._version:
                return self._last  # worked out once, for all open pages
            self._version = version
            found, last = shown(database, feed), self._last.counts.committed
            if found.counts.committed is not None and last is not None:
                ahead = last - found.counts.committed
                if 0 < ahead <= found.newer:  # more than there are: the tables were emptied
                    found = replace(self._last, newer=found.newer - ahead, in_flight=found.in_flight)
            self._last = found
            return found


class Judge:
    """Tells what is on its way from what stays away. Give it the counts as they change; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._past: deque[tuple[float, int]] = deque()
        self._surplus_since: float | None = None

    def look(self, found: Counts, now: float) -> Judgement:
        """`now` in seconds of a clock that only rises."""
        with self._lock:
            if found.committed is None or found.notified is None:
                return "unknown"
            if not self._past or now - self._past[-1][0] >= 0.2:
                self._past.append((now, found.committed))
            while len(self._past) > 1 and self._past[1][0] <= now - STAYS_S:
                self._past.popleft()
            at, then = self._past[0]
            return self._judge(found, found.committed, now, then if now - at >= STAYS_S else 0)

    def _judge(self, found: Counts, committed: int, now: float, then: int) -> Judgement:
        """`then`: how many were committed `STAYS_S` ago, 0 when that is not known yet."""
        seen = found.arrived()
        known = [count for count in seen if count is not None]
        if any(count > committed for count in known):
            if self._surplus_since is None:
                self._surplus_since = now
            return "differs" if now - self._surplus_since >= STAYS_S else "in_flight"
        self._surplus_since = None
        if all(count == committed for count in known):
            return "equal" if len(known) == len(seen) else "unknown"
        return "differs" if min(known) < min(then, committed) else "in_flight"


@dataclass(frozen=True, slots=True)
class Missing:
    """Event ids by what they lack, newest first, at most `LISTED` each."""

    not_published: tuple[str, ...] = ()
    not_notified: tuple[str, ...] = ()
    not_audited: tuple[str, ...] = ()
    problem: str | None = None


def missing(application: Application, settings: Settings) -> Missing:
    """Reads thousands of rows: once in a while, in the background."""
    try:
        with application.reading() as connection:
            committed = list(lookups.outbox_seqs(connection, NEWEST))
            not_notified = lookups.not_notified(connection, LISTED)
            notified = lookups.newest_notified(connection, NEWEST)
    except DatabaseUnavailable as error:
        return Missing(problem=str(error))
    published = _published(settings, committed)
    audited = _audited_lately(settings.audit_file)
    return Missing(
        tuple(event_id for event_id in committed if event_id not in published)[:LISTED],
        tuple(not_notified),
        tuple(event_id for event_id in notified if event_id not in audited)[:LISTED],
    )


def _published(settings: Settings, event_ids: list[str]) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(sqlite3.Error):
        store = ObserverStore(settings.observer_store)
        try:
            found = store.published_among(event_ids)
        finally:
            store.close()
    return found


def _audited_lately(path: Path) -> set[str]:
    """Event ids in the end of the audit file."""
    found: set[str] = set()
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        for raw in file:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found.add(str(json.loads(raw)["eventId"]))
    return found


class MissingIds:
    """Looks for the ids while the sources differ, at most every few seconds, outside any page."""

    EVERY_S = 5.0

    def __init__(self, application: Application, settings: Settings) -> None:
        self._application, self._settings = application, settings
        self._lock = threading.Lock()
        self._at = -self.EVERY_S
        self._busy = False
        self.found = Missing()
        self.version = 0

    def want(self) -> None:
        with self._lock:
            if self._busy or time.monotonic() - self._at < self.EVERY_S:
                return
            self._busy = True
        threading.Thread(target=self._look, name="missing-ids", daemon=True).start()

    def _look(self) -> None:
        try:
            found = missing(self._application, self._settings)
            if found != self.found:
                self.found = found
                self.version += 1
        finally:
            self._at, self._busy = time.monotonic(), False
