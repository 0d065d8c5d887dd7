"""Committed = published = notified = audited, by distinct event ids from four independent sources."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from application import Application
from db import queries
from settings import Settings
from workers import audit_file
from workers.observer_store import ObserverStore


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Counts of distinct event ids, and the ids where the sources differ."""

    committed: int
    published: int
    notified: int
    audited: int
    dead_lettered: int
    deliveries: int
    duplicates_absorbed: int
    not_published: tuple[str, ...]
    not_notified: tuple[str, ...]
    not_audited: tuple[str, ...]
    never_committed: tuple[str, ...]
    """Published or notified, and in no outbox row."""
    doubled: tuple[str, ...]
    """Notified of more than once, or in the audit file more than once."""
    out_of_order: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not (
            self.not_published
            or self.not_notified
            or self.not_audited
            or self.never_committed
            or self.doubled
            or self.out_of_order
        )


def reconcile(application: Application, settings: Settings, correlation_id: str | None = None) -> Reconciliation:
    """Compare the sources, for one correlation id or for everything.

    Raises DatabaseUnavailable, or sqlite3.OperationalError while there is no observer yet.
    """
    with application.reading() as connection:
        committed = queries.outbox_ids(connection, correlation_id)
        notified = queries.notification_ids(connection, correlation_id)
        dead = queries.dead_letter_ids(connection, correlation_id) - notified
        deliveries = queries.deliveries(connection, correlation_id)
        out_of_order = queries.persisted_out_of_order(connection, correlation_id)
        doubled = set(queries.doubled_notifications(connection, correlation_id))
    store = ObserverStore(settings.observer_store)
    try:
        published = set(store.published_ids(correlation_id))
    finally:
        store.close()
    lines = audit_file.event_ids(settings.audit_file, correlation_id)
    counted = Counter(lines)
    doubled |= {event_id for event_id, times in counted.items() if times > 1}
    audited = set(counted)
    return Reconciliation(
        committed=len(committed),
        published=len(published),
        notified=len(notified),
        audited=len(audited),
        dead_lettered=len(dead),
        deliveries=deliveries.total,
        duplicates_absorbed=deliveries.duplicate,
        not_published=tuple(sorted(committed - published)),
        not_notified=tuple(sorted(committed - notified - dead)),
        not_audited=tuple(sorted(notified - audited)),
        never_committed=tuple(sorted((published | notified) - committed)),
        doubled=tuple(sorted(doubled)),
        out_of_order=tuple(out_of_order),
    )
