"""Compare thoroughly what `scenarios.pairing` set aside: the events are read again from every source, by their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection

from application import Application
from db import contents, queries
from db.notification_queries import notified_among
from db.run_rows import chunks
from scenarios import audit_lines
from scenarios.audit_lines import AuditLine
from scenarios.comparison import Comparison, Notified, Versioned, compare
from scenarios.deleted_rows import is_encodable
from scenarios.pairing import Paired, UnusualId
from scenarios.streams import windows
from settings import Settings
from workers.observer_store import ObserverStore

IDS_AT_ONCE = 500

T = TypeVar("T")


@dataclass(slots=True)
class Compared:
    """What the comparison of the events that were set aside shows; the paired ones are not counted in it."""

    totals: Counter[str] = field(default_factory=Counter)
    """Source → number of distinct events."""
    comparisons: list[Comparison] = field(default_factory=list)
    contents_unknown: int = 0
    repeated: set[str] = field(default_factory=set)
    """Events with several audit lines."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """Some events as the sources have them now, by their ids."""

    published: dict[str, Versioned]
    notified: dict[str, Notified]
    committed: dict[str, Versioned]


def compare_unpaired(
    application: Application,
    settings: Settings,
    paired: Paired,
    paired_notifications: Connection,
    dead: set[str],
    parked: Collection[str],
) -> Compared:
    """Compare the events set aside, window by window. Raises UnusualId when one cannot be read again, DatabaseUnavailable.

    They are read after they were paired, in the same order of the sources, so that an event in flight is never in a source
    without being in the earlier ones. `paired_notifications` still sees the notifications as they were paired.
    """
    compared = Compared(repeated=paired.lines.duplicate_ids())
    with_more_lines: set[str] = set()
    collections = (paired.rest.latest(), paired.notified.latest(), paired.lines.latest())
    with closing(ObserverStore(settings.observer_store)) as store, application.reading() as connection:
        for rest, notified_ids, lines in windows(collections, IDS_AT_ONCE):
            ids = sorted(rest.keys() | notified_ids.keys() | lines.keys())
            stored = _read(store, connection, ids)
            set_aside = rest.keys() | notified_ids.keys()
            if set_aside - stored.published.keys() - stored.notified.keys() - stored.committed.keys():
                raise UnusualId("an event cannot be read by its id")
            storable = filter(is_encodable, ids)
            was_paired = notified_among(paired_notifications, list(storable)) - notified_ids.keys()
            with_more_lines |= was_paired & lines.keys()
            _compare_and_count(compared, _without(stored, was_paired), _leave_out(lines, was_paired), dead, parked)
            again = _only(stored, was_paired - lines.keys())
            _compare(compared, again, {event_id: row.line for event_id, row in again.notified.items()}, dead, parked)
        latest = _read_latest_lines(settings, with_more_lines)
        for some in chunks(sorted(with_more_lines)):
            of_some = {event_id: latest[event_id] for event_id in some if event_id in latest}
            _compare(compared, _read(store, connection, some), of_some, dead, parked)
    compared.repeated |= with_more_lines
    return compared


def _compare_and_count(
    compared: Compared, stored: _Stored, lines: dict[str, str], dead: set[str], parked: Collection[str]
) -> None:
    compared.contents_unknown += _compare(compared, stored, lines, dead, parked).contents_unknown
    compared.totals["committed"] += len(stored.committed)
    compared.totals["published"] += len(stored.published)
    compared.totals["notified"] += len(stored.notified)
    compared.totals["audited"] += len(lines)


def _compare(
    compared: Compared, stored: _Stored, lines: dict[str, str], dead: set[str], parked: Collection[str]
) -> Comparison:
    not_notified_parked = set(parked) - stored.notified.keys()
    comparison = compare(stored.committed, stored.published, stored.notified, lines, dead, not_notified_parked)
    compared.comparisons += [comparison] if comparison.differs else []
    return comparison


def _read(store: ObserverStore, connection: Connection, event_ids: Sequence[str]) -> _Stored:
    storable = [event_id for event_id in event_ids if is_encodable(event_id)]  # an audit line may hold any text
    published: dict[str, Versioned] = {}
    notified: dict[str, Notified] = {}
    committed: dict[str, Versioned] = {}
    for start in range(0, len(storable), IDS_AT_ONCE):
        some = storable[start : start + IDS_AT_ONCE]
        published |= {
            event.event_id: Versioned(event.contents, event.version) for event in store.select_published_contents(some)
        }
        for row in contents.read_notified(connection, event_ids=some):
            line = audit_lines.digest_line(row.contents, row.seq, row.consumer, row.notified_at)
            notified[row.contents.event_id] = Notified(row.contents.digest(), line)
        # Pruned ids are read last: an event pruned meanwhile is then in both tables instead of in neither.
        rows = list(contents.read_committed(connection, event_ids=some))
        committed |= dict.fromkeys(queries.select_pruned(connection, some), Versioned(None, None))
        committed |= {row.contents.event_id: Versioned(row.contents.digest(), row.version) for row in rows}
    return _Stored(published, notified, committed)


def _only(stored: _Stored, event_ids: set[str]) -> _Stored:
    sources = (stored.published, stored.notified, stored.committed)
    left_out = set().union(*sources) - event_ids
    return _without(stored, left_out)


def _without(stored: _Stored, event_ids: set[str]) -> _Stored:
    return _Stored(
        _leave_out(stored.published, event_ids),
        _leave_out(stored.notified, event_ids),
        _leave_out(stored.committed, event_ids),
    )


def _leave_out(entries: dict[str, T], event_ids: set[str]) -> dict[str, T]:
    return {event_id: entry for event_id, entry in entries.items() if event_id not in event_ids}


def _read_latest_lines(settings: Settings, event_ids: set[str]) -> dict[str, str]:
    """Return the digest of the last line of each of these events. This reads the whole file, if there is any event."""
    if not event_ids:
        return {}
    return {
        line.contents.event_id: line.digest()
        for line in audit_lines.read(settings.audit_file)
        if isinstance(line, AuditLine) and line.contents.event_id in event_ids
    }
