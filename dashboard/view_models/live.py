"""The live page's state: database and feed side by side, latency of the last events, counts from independent sources."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime

from application import Application
from db import queries
from db.errors import DatabaseUnavailable
from db.queries import CommissionRow, OutboxRow
from scenarios.statistics import percentiles
from settings import Settings
from workers.observer_store import Observed, ObserverStore, Totals

ROWS = 12
MEASURED = 200
NEW_FOR_S = 3.0


@dataclass(frozen=True, slots=True)
class Point:
    """One event's way from command to notification."""

    at: datetime
    type: str
    commission_id: str
    ms: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Of everything in this instance. None where the source cannot be read now."""

    committed: int | None
    published: int | None
    notified: int | None
    watermark: int | None
    duplicates: int | None

    @property
    def in_flight(self) -> int | None:
        if self.committed is None or self.notified is None:
            return None
        return max(0, self.committed - self.notified)


@dataclass(frozen=True, slots=True)
class Live:
    commissions: list[CommissionRow] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    feed: list[Observed] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    percentiles: dict[str, float] = field(default_factory=dict)
    counts: Counts = Counts(None, None, None, None, None)
    database_problem: str | None = None
    feed_problem: str | None = None


def read(application: Application, settings: Settings) -> Live:
    """Everything the page shows; a source that cannot be read is told in words, and the others are shown all the same."""
    feed, totals, feed_problem = _observed(settings)
    try:
        with application.reading() as connection:
            notified = queries.recent_notifications(connection, MEASURED)
            hops = queries.hop_times(connection, [row.event_id for row in notified])
            points = [
                Point(
                    row.occurred_at.replace(tzinfo=UTC),
                    row.type,
                    row.commission_id,
                    (hops[row.event_id]["persisted"] - hops[row.event_id]["occurred"]) / 1000,
                )
                for row in notified
                if {"occurred", "persisted"} <= hops.get(row.event_id, {}).keys()
            ]
            deliveries = queries.deliveries(connection)
            return Live(
                commissions=queries.recent_commissions(connection, ROWS),
                outbox=queries.recent_outbox(connection, ROWS),
                feed=feed,
                points=points,
                percentiles=percentiles([point.ms for point in points]) if points else {},
                counts=Counts(
                    committed=queries.count_outbox(connection),
                    published=totals.distinct if totals else None,
                    notified=queries.count_notifications(connection),
                    watermark=totals.watermark if totals else None,
                    duplicates=deliveries.duplicate,
                ),
                feed_problem=feed_problem,
            )
    except DatabaseUnavailable as error:
        published = Counts(None, totals.distinct if totals else None, None, totals.watermark if totals else None, None)
        return Live(feed=feed, counts=published, database_problem=str(error), feed_problem=feed_problem)


def waiting(application: Application, limit: int = 50) -> list[CommissionRow]:
    """Commissions that can be approved, newest first; empty while the database is away."""
    try:
        with application.reading() as connection:
            return queries.recent_commissions(connection, limit, status="CALCULATED")
    except DatabaseUnavailable:
        return []


def is_new(at: datetime, now: datetime) -> bool:
    return (now - at).total_seconds() < NEW_FOR_S


def short(topic: str) -> str:
    """A topic's own name, without tenant and namespace."""
    return topic.rpartition("/")[2]


def _observed(settings: Settings) -> tuple[list[Observed], Totals | None, str | None]:
    try:
        store = ObserverStore(settings.observer_store)
    except sqlite3.OperationalError:
        return [], None, "The observer has not started yet; `./alpes up` starts it."
    try:
        return store.feed(limit=ROWS), store.totals(), None
    except (sqlite3.OperationalError, TypeError):
        return [], None, "The observer's store cannot be read now."
    finally:
        store.close()
