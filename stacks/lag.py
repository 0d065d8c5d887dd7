"""Read how far each stage of an event's path is, from the database and the observer's store."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Engine

from db import notification_queries, outbox, queries, waiting_queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from workers.observer_records import Totals
from workers.observer_store import ObserverStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lag:
    """The position of each stage of an event's path; None where it cannot be read now."""

    outbox_head: int | None
    captured: int | None
    """Highest outbox `seq` that the observer saw published."""
    published: int | None
    notified: int | None
    parked: int = 0
    """Outbox rows that cannot be published and are dead letters."""
    capture_behind: int = 0
    """Number of outbox rows that were neither observed on the broker nor parked: what is missing, also below `captured`."""


def read_lag(settings: Settings, engine: Engine) -> Lag:
    """Return the lag now; what cannot be read is None in it. Raises nothing."""
    outbox_head = notified = None
    parked = behind = captured = 0
    with (
        contextlib.suppress(DatabaseUnavailable),
        translated(),
        engine.connect().execution_options(**READ) as connection,
    ):
        outbox_head, notified = queries.outbox_head(connection), notification_queries.notification_head(connection)
        captured = read_captured_seq(settings, outbox_head)
        behind = waiting_queries.count_above(connection, captured) + _count_skipped(settings, connection, captured)
        if settings.facts.capture.parks_rows:
            parked = outbox.count_parked_above(connection, 0)
            behind -= outbox.count_parked_above(connection, captured)
    behind = max(0, behind)
    totals = read_totals(settings)
    if totals is None:
        return Lag(outbox_head, None, None, notified, parked, behind)
    reached = totals.watermark if outbox_head is None else captured
    return Lag(outbox_head, reached, totals.distinct, notified, parked, behind)


def _count_skipped(settings: Settings, connection: Connection, captured: int) -> int:
    """Return the number of the newest rows up to `captured` that were neither observed nor had any effect."""
    unsettled = [step.event_id for step in waiting_queries.find_unsettled(connection) if step.seq <= captured]
    published = _ask_store(settings, lambda store: store.select_published(unsettled))
    return 0 if published is None else len(set(unsettled) - published)


def select_unpublished(settings: Settings, event_ids: Collection[str]) -> set[str]:
    """Return those of the ids that the observer did not see published; all of them while there is no store."""
    published = _ask_store(settings, lambda store: store.select_published(list(event_ids)))
    return set(event_ids) - (published or set())


def read_captured_seq(settings: Settings, head: int) -> int:
    """Return the highest `seq` of the table that the observer saw published; 0 while there is no store."""
    return _ask_store(settings, lambda store: store.find_highest_captured(head)) or 0


def read_totals(settings: Settings) -> Totals | None:
    """Return the observer's totals, or None while there is no store."""
    with contextlib.suppress(TypeError):  # its rows are not written yet
        return _ask_store(settings, lambda store: store.read_totals())
    return None


def _ask_store(settings: Settings, question: Callable[[ObserverStore], T]) -> T | None:
    """Return the store's answer, None while there is no store or its tables are being made."""
    with contextlib.suppress(sqlite3.OperationalError), closing(ObserverStore(settings.observer_store)) as store:
        return question(store)
    return None
