"""Reconcile the sources: committed = published = notified = audited, the same events and contents in both directions.

The sources are not equally independent. Outbox rows and notifications are two tables of one database, and the audit file is
written from the notifications, so a wrong database could make these three wrong in the same way. The observer's store is
separate from the database; it shares the envelope's decoder and the broker's client with the worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from application import Application
from db import contents, dead_letter_queries, notification_queries, ordering, outbox, queries, raw_contents
from scenarios import audit_lines, pairing, streams
from scenarios.audit_lines import AuditLine
from scenarios.comparison import Comparison, Notified, Versioned, compare, merge_comparisons
from scenarios.deleted_rows import find_deleted_rows
from scenarios.differences import Difference, explain_differences
from scenarios.pairing import Paired, UnusualId
from scenarios.unpaired import compare_unpaired
from settings import Settings
from workers.observer_store import ObserverStore

MAX_EXPLAINED = 20
"""Largest number of events whose differences are explained field by field."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Counts of distinct event ids, and the ids where the sources differ."""

    committed: int
    published: int
    notified: int
    audited: int
    dead_lettered: int
    """Dead-lettered and without a notification."""
    deliveries: int
    duplicates_absorbed: int
    not_published: tuple[str, ...]
    not_notified: tuple[str, ...]
    """Committed, and neither notified nor dead-lettered."""
    not_audited: tuple[str, ...]
    never_committed: tuple[str, ...]
    """Published, notified or audited, without an outbox row and without a commission that has their version."""
    never_notified: tuple[str, ...]
    """In the audit file without a notification."""
    contents_differ: tuple[str, ...]
    """Events with different contents in two sources."""
    differences: tuple[Difference, ...]
    """The differences of the first of those events, field by field."""
    contents_unknown: int
    """Number of published events of which only the id is known: an older version or a back-up recorded them."""
    foreign_lines: int
    """Number of complete lines of the audit file that are not audit lines; 0 for one correlation id."""
    doubled: tuple[str, ...]
    """With more than one notification or audit line. The name is part of the JSON of `reconcile --json`."""
    out_of_order: tuple[str, ...]
    dead: tuple[str, ...]
    """Dead-lettered and without a notification."""
    parked: tuple[str, ...]
    """Those of `dead` that the relay could not publish: dead letters of the outbox."""
    dead_letters: dict[str, str]
    """Event id → reason of its dead letter, for the first of them."""
    row_deleted: tuple[str, ...] = ()
    """Committed, as their commissions show, and without an outbox row: it was deleted and not pruned. No difference."""

    @property
    def complete(self) -> bool:
        return not any(getattr(self, name) for name in DIFFER) and not self.foreign_lines

    @property
    def differs_permanently(self) -> bool:
        """Whether waiting cannot help: nothing is in flight, and the order differs, or contents outside the audit file.

        The audit worker repairs its own file.
        """
        is_in_flight = self.not_published or self.not_notified or self.not_audited
        is_irreparable = self.out_of_order or any(difference.source != "audited" for difference in self.differences)
        return bool(is_irreparable and not is_in_flight)


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
"""Fields with lists of event ids that are empty when the sources agree."""
SOURCES = ("committed", "published", "notified", "audited")


def reconcile(application: Application, settings: Settings, correlation_id: str | None = None) -> Reconciliation:
    """Compare the sources, for one correlation id or for all events.

    The last source of an event's path is read first. An event in flight can then be missing in a later source, but can never
    appear in a source without being in the earlier ones. Sources are read page by page, so that memory does not grow
    with their size. Raises DatabaseUnavailable, or sqlite3.OperationalError while there is no observer yet.
    """
    if correlation_id is None:
        try:
            return _compare_by_pairs(application, settings)
        except (
            UnusualId,
            raw_contents.UndecodableText,
        ):  # rows that another program wrote: compare them in the order of their ids
            pass
    try:
        return _compare(application, settings, correlation_id, streams.WINDOW)
    except streams.NotAscending:  # ids that this program never generates: compare everything in one window
        return _compare(application, settings, correlation_id, None)


def _compare_by_pairs(application: Application, settings: Settings, waiting: int = pairing.WAITING) -> Reconciliation:
    """Compare all events by pairing them in the order of their writing. Raises UnusualId or UndecodableText."""
    with ExitStack() as stack:
        store = stack.enter_context(closing(ObserverStore(settings.observer_store)))
        # Each reader has its own connection, because a connection to MySQL has one unbuffered result at a time.
        readers = [stack.enter_context(application.reading(consistent=True)) for _ in range(3)]
        paired = stack.enter_context(closing(Paired()))
        # Built in the order of reading: pruned ids last, so that an event pruned meanwhile is in both instead of in neither.
        audited = streams.start_reading(audit_lines.read_pages(settings.audit_file))
        published = streams.start_reading(store.read_published_pages(raw_contents.PAGE))
        notified = streams.start_reading(raw_contents.read_notified_pages(readers[0]))
        committed = streams.start_reading(raw_contents.read_committed_pages(readers[1]))
        pruned = streams.start_reading(raw_contents.read_pruned_pages(readers[2]))
        pairing.pair(pairing.Sources(committed, pruned, published, notified, audited), paired, waiting)
        with application.reading() as connection:
            dead = dead_letter_queries.dead_letter_ids(connection)
            parked = outbox.parked_ids(connection)
        compared = compare_unpaired(application, settings, paired, readers[0], dead, parked)
        with application.reading() as connection:
            never_notified_dead = dead - notification_queries.notified_among(connection, dead)
        totals = Counter({name[0]: compared.totals[name] + paired.agreed for name in SOURCES})
        totals["unknown"] = paired.contents_unknown + compared.contents_unknown
        foreign_lines = paired.foreign_lines
    merged = merge_comparisons(compared.comparisons)
    return _summarize(
        application, settings, None, totals, merged, never_notified_dead, compared.repeated, foreign_lines
    )


def _compare(
    application: Application, settings: Settings, correlation_id: str | None, size: int | None
) -> Reconciliation:
    with ExitStack() as stack:
        audited = stack.enter_context(closing(streams.SortedById()))
        foreign_lines = _read_audit_file(settings, correlation_id, audited)
        store = stack.enter_context(closing(ObserverStore(settings.observer_store)))
        # Each reader has its own connection, because a connection to MySQL has one unbuffered result at a time.
        readers = [stack.enter_context(application.reading()) for _ in range(3)]
        sources: list[Iterator[tuple[str, Any]]] = [
            audited.latest(),
            _read_published(store, correlation_id),
            _read_notified(readers[0], correlation_id),
            _read_committed(readers[1], correlation_id),
            # Pruned ids are read last: an event pruned meanwhile is then in both sources instead of in neither.
            ((event_id, None) for event_id in queries.pruned_ids(readers[2], correlation_id)),
        ]
        started = [streams.start_reading(source) for source in sources]
        pages = streams.windows(started, size) if size else iter([tuple(map(dict, started))])
        with application.reading() as connection:
            dead = dead_letter_queries.dead_letter_ids(connection, correlation_id)
            parked = outbox.parked_ids(connection, correlation_id)
        totals, comparisons = Counter[str](), list[Comparison]()
        never_notified_dead = set(dead)
        for lines, published, notified, rows, pruned in pages:
            committed = dict.fromkeys(pruned, Versioned(None, None)) | rows
            comparison = compare(committed, published, notified, lines, dead, parked - notified.keys())
            comparisons += [comparison] if comparison.differs else []
            never_notified_dead -= notified.keys()
            totals["unknown"] += comparison.contents_unknown
            for name, source in (("c", committed), ("p", published), ("n", notified), ("a", lines)):
                totals[name] += len(source)
        duplicated = audited.duplicate_ids()
    return _summarize(
        application,
        settings,
        correlation_id,
        totals,
        merge_comparisons(comparisons),
        never_notified_dead,
        duplicated,
        foreign_lines,
    )


def _summarize(
    application: Application,
    settings: Settings,
    correlation_id: str | None,
    totals: Counter[str],
    compared: Comparison,
    dead: set[str],
    duplicated: set[str],
    foreign_lines: int,
) -> Reconciliation:
    with application.reading() as connection:
        parked = outbox.parked_ids(connection, correlation_id) & dead
        dead_letters = dead_letter_queries.dead_letter_reasons(connection, sorted(dead)[:MAX_EXPLAINED])
        deliveries = queries.count_deliveries(connection, correlation_id)
        out_of_order = ordering.notified_out_of_order(connection, correlation_id, one_clock=settings.demo)
        duplicated |= set(notification_queries.duplicate_notifications(connection, correlation_id))
    row_deleted = find_deleted_rows(application, settings, compared.never_committed)
    return Reconciliation(
        committed=totals["c"] + len(row_deleted),
        published=totals["p"],
        notified=totals["n"],
        audited=totals["a"],
        dead_lettered=len(dead),
        deliveries=deliveries.total,
        duplicates_absorbed=deliveries.duplicate,
        not_published=compared.not_published,
        not_notified=compared.not_notified,
        not_audited=compared.not_audited,
        never_committed=tuple(sorted({*compared.never_committed} - {*row_deleted})),
        never_notified=compared.never_notified,
        contents_differ=compared.contents_differ,
        differences=explain_differences(application, settings, compared.contents_differ[:MAX_EXPLAINED]),
        contents_unknown=totals["unknown"],
        foreign_lines=foreign_lines,
        doubled=tuple(sorted(duplicated)),
        out_of_order=tuple(out_of_order),
        dead=tuple(sorted(dead)),
        parked=tuple(sorted(parked)),
        dead_letters=dead_letters,
        row_deleted=row_deleted,
    )


def _read_audit_file(settings: Settings, correlation_id: str | None, audited: streams.SortedById) -> int:
    """Put the digest of each line into `audited`, and return the number of foreign lines."""
    foreign = 0

    def digests() -> Iterator[tuple[str, str]]:
        nonlocal foreign
        for line in audit_lines.read(settings.audit_file, correlation_id):
            if isinstance(line, AuditLine):
                yield line.contents.event_id, line.digest()
            else:
                foreign += 1

    audited.put(digests())
    return foreign


def _read_published(store: ObserverStore, correlation_id: str | None) -> Iterator[tuple[str, Versioned]]:
    for event in store.read_published_contents(correlation_id):
        yield event.event_id, Versioned(event.contents, event.version)


def _read_notified(connection: Connection, correlation_id: str | None) -> Iterator[tuple[str, Notified]]:
    for row in contents.read_notified(connection, correlation_id):
        line = audit_lines.digest_line(row.contents, row.seq, row.consumer, row.notified_at)
        yield row.contents.event_id, Notified(row.contents.digest(), line)


def _read_committed(connection: Connection, correlation_id: str | None) -> Iterator[tuple[str, Versioned]]:
    for row in contents.read_committed(connection, correlation_id):
        yield row.contents.event_id, Versioned(row.contents.digest(), row.version)
