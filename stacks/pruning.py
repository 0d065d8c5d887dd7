"""Prune rows that are no longer needed, page by page, for any number of rows."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from application.permissions import Action, require
from db import pruning
from db.engine import READ, connect
from db.errors import translated
from db.outbox import OutboxFeed
from domain.clock import utc_now
from settings import Settings
from workers.observer_store import ObserverStore

PAGE = 500
KEEP_RUNS = 50
"""Number of newest scenario runs to keep, of any age."""
RUN_ID = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Pruned:
    dry_run: bool
    pruned: int
    """Outbox rows removed, or that would be removed."""
    kept_not_captured: int
    """Old rows that were not observed on the broker, or are beyond the relay's checkpoint."""
    kept_not_notified: int
    """Old captured rows without a notification: in flight, or dead-lettered."""
    inbox_rows: int
    """Old deliveries removed, whose events are no longer in the outbox."""
    letters_emptied: int
    """Dead letters that were requeued long ago and whose bodies were removed."""
    scenario_runs: int
    """Old runs removed, with their records."""


def prune(settings: Settings, keep_days: float = 0, keep: int = 0, *, dry_run: bool = False) -> Pruned:
    """Remove rows older than `keep_days`, except the newest `keep` outbox rows. Safe while everything runs.

    An outbox row is removed only when the observer has recorded its event, its notification is in the database, and on the
    embedded stack the relay's checkpoint has passed it. All three stay true, and rows are never updated, so no other
    process can interfere.

    Raises DatabaseUnavailable, Forbidden, or sqlite3.OperationalError without an observer.
    """
    if not dry_run:
        require(settings, Action.PRUNE)
    before = utc_now() - timedelta(days=keep_days)
    engine = connect(settings.admin_url, pool_size=1)
    try:
        pruned, not_captured, not_notified = _prune_outbox(settings, engine, before, keep, dry_run)
        return Pruned(
            dry_run=dry_run,
            pruned=pruned,
            kept_not_captured=not_captured,
            kept_not_notified=not_notified,
            inbox_rows=_prune_inbox(engine, before, dry_run),
            letters_emptied=_empty_letters(engine, before, dry_run),
            scenario_runs=_prune_runs(settings, engine, before, dry_run),
        )
    finally:
        engine.dispose()


def _prune_outbox(
    settings: Settings, engine: Engine, before: datetime, keep: int, dry_run: bool
) -> tuple[int, int, int]:
    """Return the numbers of rows removed, rows kept because they are not captured, and rows kept because not notified."""
    pruned = not_captured = not_notified = after_seq = 0
    checkpoint = OutboxFeed(engine).load_checkpoint() if settings.facts.capture.has_checkpoint else None
    store = ObserverStore(settings.observer_store)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            lowest_kept = pruning.find_lowest_kept(connection, keep)
        while True:
            with translated(), engine.connect().execution_options(**READ) as connection:
                page = pruning.read_outbox_page(connection, after_seq, before, lowest_kept, PAGE)
            if (
                page is None or not page.candidates
            ):  # rows are in the order of their writing, so all the others are younger
                return pruned, not_captured, not_notified
            after_seq = page.last_seq
            captured = store.select_published([row.event_id for row in page.candidates])
            captured_rows = [
                row
                for row in page.candidates
                if row.event_id in captured and (checkpoint is None or row.seq <= checkpoint)
            ]
            removable = [row.event_id for row in captured_rows if row.notified]
            not_captured += len(page.candidates) - len(captured_rows)
            not_notified += len(captured_rows) - len(removable)
            pruned += len(removable) if dry_run else pruning.delete_outbox_rows(engine, removable)
    finally:
        store.close()


def _prune_inbox(engine: Engine, before: datetime, dry_run: bool) -> int:
    removed = after = 0
    while True:
        with translated(), engine.connect().execution_options(**READ) as connection:
            page = pruning.read_inbox_page(connection, after, before, PAGE)
        if page is None or not page.older:  # rows are in the order of their writing, so all the others are younger
            return removed
        after = page.last_seq
        if page.removable:
            removed += len(page.removable) if dry_run else pruning.delete_inbox_rows(engine, page.removable)


def _empty_letters(engine: Engine, before: datetime, dry_run: bool) -> int:
    emptied = after = 0
    while True:
        with translated(), engine.connect().execution_options(**READ) as connection:
            page = pruning.find_settled_dead_letters(connection, before, after, PAGE)
        if not page:
            return emptied
        after = page[-1]
        emptied += len(page) if dry_run else pruning.delete_bodies(engine, page)


def _prune_runs(settings: Settings, engine: Engine, before: datetime, dry_run: bool) -> int:
    with translated(), engine.connect().execution_options(**READ) as connection:
        old_run_ids = pruning.find_old_runs(connection, before, KEEP_RUNS)
    for run_id in old_run_ids if not dry_run else ():
        records = settings.data / "scenarios" / run_id
        # Another program may have written the row: its id must be a name, and neither a path nor `..`.
        if RUN_ID.fullmatch(run_id) and not records.is_symlink():
            shutil.rmtree(records, ignore_errors=True)
        pruning.delete_run(engine, run_id)
    return len(old_run_ids)
