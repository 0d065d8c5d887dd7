"""Retention: what has done its work goes, in pages, whatever the number of rows. Never more rows are made than go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from application.permissions import Action, require
from db import pruning
from db.engine import READ, connect
from db.errors import translated
from db.outbox import OutboxFeed
from settings import Settings
from workers.observer_store import ObserverStore

PAGE = 500
KEEP_RUNS = 50
"""The newest scenario runs stay, whatever their age."""


@dataclass(frozen=True, slots=True)
class Pruned:
    dry_run: bool
    pruned: int
    """Rows removed, or that would be."""
    kept_not_captured: int
    """Old enough, and not seen on the broker, or beyond the relay's checkpoint."""
    kept_not_notified: int
    """Old enough and captured, and without a notification: on its way, or dead-lettered."""
    inbox_rows: int
    """Deliveries that are counted no more: received before the time, and their event is out of the outbox."""
    letters_emptied: int
    """Dead letters that were requeued before the time: their bodies went."""
    scenario_runs: int
    """Runs that ended before the time, with their records."""


def prune(settings: Settings, keep_days: float = 0, keep: int = 0, *, dry_run: bool = False) -> Pruned:
    """Remove what is older than `keep_days`; of outbox rows the newest `keep` stay. Safe while everything runs.

    An outbox row goes only when the observer recorded its event on the broker, its notification stands in the database, and
    on the embedded stack the relay's checkpoint is past it. All three never become untrue again, and rows are never
    updated, so nothing can come between.

    Raises DatabaseUnavailable, Forbidden, or sqlite3.OperationalError without an observer.
    """
    if not dry_run:
        require(settings, Action.PRUNE)
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=keep_days)
    engine = connect(settings.admin_url, pool_size=1)
    try:
        pruned, not_captured, not_notified = _outbox(settings, engine, before, keep, dry_run)
        return Pruned(
            dry_run=dry_run,
            pruned=pruned,
            kept_not_captured=not_captured,
            kept_not_notified=not_notified,
            inbox_rows=_inbox(engine, before, dry_run),
            letters_emptied=_letters(engine, before, dry_run),
            scenario_runs=_runs(settings, engine, before, dry_run),
        )
    finally:
        engine.dispose()


def _outbox(settings: Settings, engine: Engine, before: datetime, keep: int, dry_run: bool) -> tuple[int, int, int]:
    """Rows that went, rows kept for they were not captured, rows kept for they were not notified of."""
    pruned = not_captured = not_notified = after = 0
    bound = OutboxFeed(engine).load_checkpoint() if settings.stack == "embedded" else None
    store = ObserverStore(settings.observer_store)
    try:
        while True:
            with translated(), engine.connect().execution_options(**READ) as connection:
                page = pruning.find_candidates(connection, after, before, keep, PAGE)
            if not page:
                return pruned, not_captured, not_notified
            after = page[-1].seq
            captured = store.published_among([row.event_id for row in page])
            seen = [row for row in page if row.event_id in captured and (bound is None or row.seq <= bound)]
            safe = [row.event_id for row in seen if row.notified]
            not_captured += len(page) - len(seen)
            not_notified += len(seen) - len(safe)
            pruned += len(safe) if dry_run else pruning.delete_outbox_rows(engine, safe)
    finally:
        store.close()


def _inbox(engine: Engine, before: datetime, dry_run: bool) -> int:
    removed = after = 0
    while True:
        with translated(), engine.connect().execution_options(**READ) as connection:
            page = pruning.read_inbox_page(connection, after, before, PAGE)
        if page is None or not page.older:  # in the order they were written, so all the rest is younger
            return removed
        after = page.last_seq
        if page.removable:
            removed += len(page.removable) if dry_run else pruning.delete_inbox_rows(engine, page.removable)


def _letters(engine: Engine, before: datetime, dry_run: bool) -> int:
    emptied = after = 0
    while True:
        with translated(), engine.connect().execution_options(**READ) as connection:
            page = pruning.find_requeued_dead_letters(connection, before, after, PAGE)
        if not page:
            return emptied
        after = page[-1]
        emptied += len(page) if dry_run else pruning.delete_bodies(engine, page)


def _runs(settings: Settings, engine: Engine, before: datetime, dry_run: bool) -> int:
    with translated(), engine.connect().execution_options(**READ) as connection:
        old = pruning.find_old_runs(connection, before, KEEP_RUNS)
    for run_id in old if not dry_run else ():
        records = settings.data / "scenarios" / run_id
        if records.parent == settings.data / "scenarios" and not records.is_symlink():  # the id is a name, not a path
            shutil.rmtree(records, ignore_errors=True)
        pruning.delete_run(engine, run_id)
    return len(old)
