"""What went wrong with messages that are not done yet: counted in the database, so that it outlives a worker's process.

The counts of a message are shared by all workers of a subscription, whichever of them it is delivered to.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.engine import READ
from db.errors import translated
from db.tables import message_failure

KEPT_FOR = timedelta(days=7)
"""Counts older than this are of messages that another worker finished, or that the broker no longer has."""
MOST_LOADED = 10_000


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Which message: with a new store a broker gives an old id again, to a message of another time."""

    topic: str
    message_id: str
    publish_us: int


@dataclass(frozen=True, slots=True)
class Counts:
    attempts: int = 0
    """Handlings that ended in an error."""
    deaths: int = 0
    """Processes that ended while they were handling this message and nothing else."""


class MessageFailures:
    """All methods raise db.errors.DatabaseUnavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count_attempt(self, key: MessageKey) -> Counts:
        """The counts with this failed attempt among them."""
        return self._count(key, attempts=1, deaths=0)

    def count_death(self, key: MessageKey) -> Counts:
        """The counts with this death among them."""
        return self._count(key, attempts=0, deaths=1)

    def forget(self, keys: Collection[MessageKey]) -> None:
        """These are done."""
        if not keys:
            return
        with translated(), self._engine.begin() as connection:
            for key in keys:
                connection.execute(delete(message_failure).where(_is(key)))

    def forget_old(self, topics: Collection[str]) -> None:
        before = datetime.now(UTC).replace(tzinfo=None) - KEPT_FOR
        old = and_(message_failure.c.topic.in_(topics), message_failure.c.failed_at < before)
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(message_failure).where(old))

    def load(self, topics: Collection[str]) -> dict[MessageKey, Counts]:
        """What is counted of these topics' messages, the newest failures first."""
        columns = (message_failure.c[name] for name in ("topic", "message_id", "publish_us", "attempts", "deaths"))
        query = select(*columns).where(message_failure.c.topic.in_(topics))
        newest = query.order_by(message_failure.c.failed_at.desc()).limit(MOST_LOADED)
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            return {MessageKey(*row[:3]): Counts(*row[3:]) for row in connection.execute(newest)}

    def _count(self, key: MessageKey, attempts: int, deaths: int) -> Counts:
        with translated():
            try:
                with self._engine.begin() as connection:
                    return _add(connection, key, attempts, deaths)
            except IntegrityError:
                # Another worker made the row at the same moment: now there is one to add to.
                with self._engine.begin() as connection:
                    return _add(connection, key, attempts, deaths)


def _add(connection: Connection, key: MessageKey, attempts: int, deaths: int) -> Counts:
    counts = message_failure.c
    now = datetime.now(UTC).replace(tzinfo=None)
    more = {"attempts": counts.attempts + attempts, "deaths": counts.deaths + deaths, "failed_at": now}
    if not connection.execute(update(message_failure).where(_is(key)).values(**more)).rowcount:
        first = {"attempts": attempts, "deaths": deaths, "failed_at": now}
        names = {"topic": key.topic, "message_id": key.message_id, "publish_us": key.publish_us}
        connection.execute(insert(message_failure).values(**names, **first))
    row = connection.execute(select(counts.attempts, counts.deaths).where(_is(key))).one()
    return Counts(*row)


def _is(key: MessageKey) -> ColumnElement[bool]:
    counts = message_failure.c
    return and_(counts.topic == key.topic, counts.message_id == key.message_id, counts.publish_us == key.publish_us)
