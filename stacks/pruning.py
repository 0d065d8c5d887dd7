"""Outbox retention: only what was seen on the broker and has its notification may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from application.permissions import Action, require
from db import pruning
from db.engine import READ, connect
from db.errors import translated
from db.outbox import OutboxFeed
from settings import Settings
from workers.observer_store import ObserverStore

PAGE = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    dry_run: bool
    pruned: int
    """Rows removed, or that would be."""
    kept_not_captured: int
    """Old enough, and not seen on the broker, or beyond the relay's checkpoint."""
    kept_not_notified: int
    """Old enough and captured, and without a notification: on its way, or dead-lettered."""


def prune(settings: Settings, keep_days: float = 0, keep: int = 0, *, dry_run: bool = False) -> Pruned:
    """Remove outbox rows older than `keep_days`, the newest `keep` excepted. Safe while everything runs.

    A row goes only when the observer recorded its event on the broker, its notification stands in the database, and on
    the embedded stack the relay's checkpoint is past it. All three never become untrue again, and rows are never
    updated, so nothing can come between.

    Raises DatabaseUnavailable, Forbidden, or sqlite3.OperationalError without an observer.
    """
    if not dry_run:
        require(settings, Action.PRUNE)
    store = ObserverStore(settings.observer_store)
    try:
        captured = store.published_ids()
    finally:
        store.close()
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=keep_days)
    engine = connect(settings.admin_url, pool_size=1)
    pruned = not_captured = not_notified = after = 0
    try:
        bound = OutboxFeed(engine).load_checkpoint() if settings.stack == "embedded" else None
        while True:
            with translated(), engine.connect().execution_options(**READ) as connection:
                page = pruning.candidates(connection, after, before, keep, PAGE)
            if not page:
                break
            after = page[-1].seq
            seen = [row for row in page if row.event_id in captured and (bound is None or row.seq <= bound)]
            safe = [row.event_id for row in seen if row.notified]
            not_captured += len(page) - len(seen)
            not_notified += len(seen) - len(safe)
            pruned += len(safe) if dry_run else pruning.remove(engine, safe)
    finally:
        engine.dispose()
    return Pruned(dry_run, pruned, not_captured, not_notified)
