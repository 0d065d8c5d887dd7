"""Count failed attempts and deaths of unfinished messages in the database, so that the counts survive a worker's process.

All workers of a subscription share the counts of a message, because it may be delivered to any of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.engine import READ
from db.errors import translated
from db.tables import message_failure
from domain.clock import utc_now

KEPT_FOR = timedelta(days=7)
"""Older counts belong to messages that another worker finished, or that the broker no longer has."""
MAX_LOADED = 10_000


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What identifies a message. A broker with a new store assigns old ids again, so the time of publication is part of it."""

    topic: str
    message_id: str
    publish_us: int


@dataclass(frozen=True, slots=True)
class Counts:
    attempts: int = 0
    """Attempts that ended in an error."""
    deaths: int = 0
    """Processes that ended while they handled only this message."""


class MessageFailures:
    """The table `message_failure`. All methods raise db.errors.DatabaseUnavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count_attempt(self, key: MessageKey) -> Counts:
        """Count a failed attempt and return the message's counts."""
        return self._count(key, attempts=1, deaths=0)

    def count_death(self, key: MessageKey) -> Counts:
        """Count a death and return the message's counts."""
        return self._count(key, attempts=0, deaths=1)

    def forget(self, keys: Collection[MessageKey]) -> None:
        """Delete the counts of messages that were processed."""
        if not keys:
            return
        with translated(), self._engine.begin() as connection:
            for key in keys:
                connection.execute(delete(message_failure).where(_matches(key)))

    def forget_old(self, topics: Collection[str]) -> None:
        """Delete counts older than `KEPT_FOR`."""
        before = utc_now() - KEPT_FOR
        old = and_(message_failure.c.topic.in_(topics), message_failure.c.failed_at < before)
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(message_failure).where(old))

    def load(self, topics: Collection[str]) -> dict[MessageKey, Counts]:
        """Return the counts of these topics' messages, newest failures first, at most `MAX_LOADED`."""
        columns = (message_failure.c[name] for name in ("topic", "message_id", "publish_us", "attempts", "deaths"))
        query = select(*columns).where(message_failure.c.topic.in_(topics))
        newest = query.order_by(message_failure.c.failed_at.desc()).limit(MAX_LOADED)
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            return {MessageKey(*row[:3]): Counts(*row[3:]) for row in connection.execute(newest)}

    def _count(self, key: MessageKey, attempts: int, deaths: int) -> Counts:
        with translated():
            try:
                with self._engine.begin() as connection:
                    return _add(connection, key, attempts, deaths)
            except IntegrityError:
                # Another worker inserted the row at the same moment: now it can be updated.
                with self._engine.begin() as connection:
                    return _add(connection, key, attempts, deaths)


def _add(connection: Connection, key: MessageKey, attempts: int, deaths: int) -> Counts:
    counts = message_failure.c
    now = utc_now()
    increments = {"attempts": counts.attempts + attempts, "deaths": counts.deaths + deaths, "failed_at": now}
    if not connection.execute(update(message_failure).where(_matches(key)).values(**increments)).rowcount:
        first = {"attempts": attempts, "deaths": deaths, "failed_at": now}
        names = {"topic": key.topic, "message_id": key.message_id, "publish_us": key.publish_us}
        connection.execute(insert(message_failure).values(**names, **first))
    row = connection.execute(select(counts.attempts, counts.deaths).where(_matches(key))).one()
    return Counts(*row)


def _matches(key: MessageKey) -> ColumnElement[bool]:
    counts = message_failure.c
    return and_(counts.topic == key.topic, counts.message_id == key.message_id, counts.publish_us == key.publish_us)
