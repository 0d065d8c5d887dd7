"""Committed = published = notified = audited: the same events with the same contents, in both directions.

The sources are not equally independent. Outbox rows and notifications are two tables of one database, and the audit file is
made from the notifications: what these three agree on can be wrong together where the database is. What the observer saw on
Pulsar is stored apart from the database; it shares the envelope's decoder and the broker's client with the worker.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from application import Application
from db import contents, ordering, outbox, queries
from scenarios import audit_lines
from scenarios.audit_lines import AuditLine
from scenarios.comparison import Notified, Versioned, compare
from scenarios.differences import Difference, explain
from settings import Settings
from workers.observer_store import ObserverStore

EXPLAINED_AT_MOST = 20
"""Events whose differences are named field by field."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Counts of distinct event ids, and the ids where the sources differ."""

    committed: int
    published: int
    notified: int
    audited: int
    dead_lettered: int
    """Never notified of."""
    deliveries: int
    duplicates_absorbed: int
    not_published: tuple[str, ...]
    not_notified: tuple[str, ...]
    """Committed, and neither notified of nor dead-lettered."""
    not_audited: tuple[str, ...]
    never_committed: tuple[str, ...]
    """Published, notified or audited, and in no outbox row."""
    never_notified: tuple[str, ...]
    """In the audit file, and in no notification."""
    contents_differ: tuple[str, ...]
    """Two sources say different things of the event."""
    differences: tuple[Difference, ...]
    """Of the first of those events: field, what was expected and what was seen."""
    contents_unknown: int
    """Published events of which only the id is known: an older program or a backup recorded them."""
    foreign_lines: int
    """Whole lines of the audit file that are no audit lines; of everything, not of one correlation id."""
    doubled: tuple[str, ...]
    """Notified of more than once, or in the audit file more than once."""
    out_of_order: tuple[str, ...]
    dead: tuple[str, ...]
    """Dead-lettered and never notified of."""
    parked: tuple[str, ...]
    """Those of them that the relay could not publish: dead letters of the outbox."""
    dead_letters: dict[str, str]
    """Event id → the reason of its dead letter, of the first of them."""

    @property
    def complete(self) -> bool:
        return not any(getattr(self, name) for name in DIFFER) and not self.foreign_lines


DIFFER = (
    "not_published",
    "not_notified",
    "not_audited",
    "never_committed",
    "never_notified",
    "contents_differ",
    "doubled",
    "out_of_order",
)
"""Lists of event ids that are empty while the sources agree."""


def reconcile(application: Application, settings: Settings, correlation_id: str | None = None) -> Reconciliation:
    """Compare the sources, for one correlation id or for everything.

    They are read against the events' way, so that what is on its way may be missing in a later source and never looks as if
    it came from nowhere. Raises DatabaseUnavailable, or sqlite3.OperationalError while there is no observer yet.
    """
    lines, counted, foreign_lines = _audited(settings, correlation_id)
    published = _published(settings, correlation_id)
    with application.reading() as connection:
        notified = {
            row.contents.event_id: Notified(row.contents.digest(), _line_digest(row))
            for row in contents.notified(connection, correlation_id)
        }
        dead = queries.dead_letter_ids(connection, correlation_id) - notified.keys()
        parked = outbox.parked_ids(connection, correlation_id) & dead
        dead_letters = queries.dead_letter_reasons(connection, sorted(dead)[:EXPLAINED_AT_MOST])
        deliveries = queries.deliveries(connection, correlation_id)
        out_of_order = ordering.notified_out_of_order(connection, correlation_id, one_clock=settings.demo)
        doubled = set(queries.doubled_notifications(connection, correlation_id))
        committed = dict.fromkeys(queries.outbox_ids(connection, correlation_id), Versioned(None, None)) | {
            row.contents.event_id: Versioned(row.contents.digest(), row.version)
            for row in contents.committed(connection, correlation_id)
        }
    compared = compare(committed, published, notified, lines, dead, parked)
    doubled |= {event_id for event_id, times in counted.items() if times > 1}
    return Reconciliation(
        committed=len(committed),
        published=len(published),
        notified=len(notified),
        audited=len(lines),
        dead_lettered=len(dead),
        deliveries=deliveries.total,
        duplicates_absorbed=deliveries.duplicate,
        not_published=compared.not_published,
        not_notified=compared.not_notified,
        not_audited=compared.not_audited,
        never_committed=compared.never_committed,
        never_notified=compared.never_notified,
        contents_differ=compared.contents_differ,
        differences=explain(application, settings, compared.contents_differ[:EXPLAINED_AT_MOST]),
        contents_unknown=compared.contents_unknown,
        foreign_lines=foreign_lines,
        doubled=tuple(sorted(doubled)),
        out_of_order=tuple(out_of_order),
        dead=tuple(sorted(dead)),
        parked=tuple(sorted(parked)),
        dead_letters=dead_letters,
    )


def _audited(settings: Settings, correlation_id: str | None) -> tuple[dict[str, str], Counter[str], int]:
    """Event id → digest of its last line; how often each id stands there; lines that are none of ours."""
    digests: dict[str, str] = {}
    counted: Counter[str] = Counter()
    foreign = 0
    for line in audit_lines.read(settings.audit_file, correlation_id):
        if isinstance(line, AuditLine):
            counted[line.contents.event_id] += 1
            digests[line.contents.event_id] = _line_digest(line)
        else:
            foreign += 1
    return digests, counted, foreign


def _published(settings: Settings, correlation_id: str | None) -> dict[str, Versioned]:
    store = ObserverStore(settings.observer_store)
    try:
        return {
            event.event_id: Versioned(event.contents, event.version)
            for event in store.published_contents(correlation_id)
        }
    finally:
        store.close()


def _line_digest(each: contents.NotifiedContents | AuditLine) -> str:
    text = f"{each.contents.digest()} {each.seq} {each.consumer} {each.notified_at}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
