"""Committed = published = notified = audited: the same events with the same contents, in both directions.

The sources are not equally independent. Outbox rows and notifications are two tables of one database, and the audit file is
made from the notifications: what these three agree on can be wrong together where the database is. What the observer saw on
Pulsar is stored apart from the database; it shares the envelope's decoder and the broker's client with the worker.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

from sqlalchemy import Connection

from application import Application
from db import contents, dead_letter_queries, notification_queries, ordering, outbox, queries
from scenarios import audit_lines, streams
from scenarios.audit_lines import AuditLine
from scenarios.comparison import Compared, Notified, Versioned, compare, joined
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

    @property
    def differs_for_good(self) -> bool:
        """Nothing is on its way any more, and what differs cannot be mended: an order, or contents but for the audit file's."""
        on_its_way = self.not_published or self.not_notified or self.not_audited
        wrong = self.out_of_order or any(each.source != "audited" for each in self.differences)
        return bool(wrong and not on_its_way)


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
    it came from nowhere; window by window, so that memory does not grow with their size. Raises DatabaseUnavailable, or
    sqlite3.OperationalError while there is no observer yet.
    """
    try:
        return _compare(application, settings, correlation_id, streams.WINDOW)
    except streams.NotAscending:  # ids that no part of this program makes: then all of it in one window
        return _compare(application, settings, correlation_id, None)


def _compare(
    application: Application, settings: Settings, correlation_id: str | None, size: int | None
) -> Reconciliation:
    with ExitStack() as stack:
        audited = stack.enter_context(closing(streams.Sorted()))
        foreign_lines = _read_audit_file(settings, correlation_id, audited)
        store = stack.enter_context(closing(ObserverStore(settings.observer_store)))
        # Each has a connection of its own: MySQL's gives one unbuffered result at a time.
        readers = [stack.enter_context(application.reading()) for _ in range(3)]
        sources = [
            audited.latest(),
            _published(store, correlation_id),
            _notified(readers[0], correlation_id),
            _committed(readers[1], correlation_id),
            # Last: what is pruned meanwhile is in both then, and never in neither.
            ((event_id, None) for event_id in queries.pruned_ids(readers[2], correlation_id)),
        ]
        begun = [streams.begun(source) for source in sources]
        pages = streams.windows(begun, size) if size else iter([tuple(map(dict, begun))])
        with application.reading() as connection:
            dead = dead_letter_queries.dead_letter_ids(connection, correlation_id)
            parked = outbox.parked_ids(connection, correlation_id)
        sums, parts = Counter[str](), list[Compared]()
        never_notified_dead = set(dead)
        for lines, published, notified, standing, pruned in pages:
            committed = dict.fromkeys(pruned, Versioned(None, None)) | standing
            part = compare(committed, published, notified, lines, dead, parked - notified.keys())
            parts += [part] if part.differs else []
            never_notified_dead -= notified.keys()
            sums["unknown"] += part.contents_unknown
            for name, source in (("c", committed), ("p", published), ("n", notified), ("a", lines)):
                sums[name] += len(source)
        doubled = audited.doubled()
    return _counted(
        application, settings, correlation_id, sums, joined(parts), never_notified_dead, doubled, foreign_lines
    )


def _counted(
    application: Application,
    settings: Settings,
    correlation_id: str | None,
    sums: Counter[str],
    compared: Compared,
    dead: set[str],
    doubled: set[str],
    foreign_lines: int,
) -> Reconciliation:
    with application.reading() as connection:
        parked = outbox.parked_ids(connection, correlation_id) & dead
        dead_letters = dead_letter_queries.dead_letter_reasons(connection, sorted(dead)[:EXPLAINED_AT_MOST])
        deliveries = queries.deliveries(connection, correlation_id)
        out_of_order = ordering.notified_out_of_order(connection, correlation_id, one_clock=settings.demo)
        doubled |= set(notification_queries.doubled_notifications(connection, correlation_id))
    return Reconciliation(
        committed=sums["c"],
        published=sums["p"],
        notified=sums["n"],
        audited=sums["a"],
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
        contents_unknown=sums["unknown"],
        foreign_lines=foreign_lines,
        doubled=tuple(sorted(doubled)),
        out_of_order=tuple(out_of_order),
        dead=tuple(sorted(dead)),
        parked=tuple(sorted(parked)),
        dead_letters=dead_letters,
    )


def _read_audit_file(settings: Settings, correlation_id: str | None, audited: streams.Sorted) -> int:
    """Put the digest of each line in; how many lines are none of ours."""
    foreign = 0

    def digests() -> Iterator[tuple[str, str]]:
        nonlocal foreign
        for line in audit_lines.read(settings.audit_file, correlation_id):
            if isinstance(line, AuditLine):
                yield line.contents.event_id, _line_digest(line)
            else:
                foreign += 1

    audited.put(digests())
    return foreign


def _published(store: ObserverStore, correlation_id: str | None) -> Iterator[tuple[str, Versioned]]:
    for event in store.published_contents(correlation_id):
        yield event.event_id, Versioned(event.contents, event.version)


def _notified(connection: Connection, correlation_id: str | None) -> Iterator[tuple[str, Notified]]:
    for row in contents.notified(connection, correlation_id):
        yield row.contents.event_id, Notified(row.contents.digest(), _line_digest(row))


def _committed(connection: Connection, correlation_id: str | None) -> Iterator[tuple[str, Versioned]]:
    for row in contents.committed(connection, correlation_id):
        yield row.contents.event_id, Versioned(row.contents.digest(), row.version)


def _line_digest(each: contents.NotifiedContents | AuditLine) -> str:
    text = f"{each.contents.digest()} {each.seq} {each.consumer} {each.notified_at}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
