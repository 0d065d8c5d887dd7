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
    application: Application, settings: Settings, paired: Paired, dead: set[str], parked: Collection[str]
) -> Compared:
    """Compare the events set aside, window by window. Raises UnusualId when one cannot be read again, DatabaseUnavailable.

    They are read after they were paired, in the same order of the sources, so that an event in flight is never in a source
    without being in the earlier ones.
    """
    compared = Compared(repeated=paired.lines.duplicate_ids())
    paired_with_more_lines: set[str] = set()
    collections = (paired.unpaired.latest(), paired.pruned.latest(), paired.lines.latest())
    with closing(ObserverStore(settings.observer_store)) as store, application.reading() as connection:
        for unpaired_ids, pruned_ids, lines in windows(collections, IDS_AT_ONCE):
            ids = sorted(unpaired_ids.keys() | pruned_ids.keys() | lines.keys())
            stored = _read(store, connection, ids)
            if unpaired_ids.keys() - stored.published.keys() - stored.notified.keys() - stored.committed.keys():
                raise UnusualId("an event cannot be read by its id")
            # Its notification was paired, and so were its other rows: only a line or a pruned id is left.
            was_paired = (stored.notified.keys() & set(ids)) - unpaired_ids.keys()
            paired_with_more_lines |= was_paired & lines.keys()
            _compare_window(compared, _leave_out(stored, was_paired), _without(lines, was_paired), dead, parked)
        for start in range(0, len(more := sorted(paired_with_more_lines)), IDS_AT_ONCE):
            some = more[start : start + IDS_AT_ONCE]
            latest = _read_latest_lines(settings, set(some))
            comparison = _compare(_read(store, connection, some), latest, dead, parked)
            compared.comparisons += [comparison] if comparison.differs else []
    compared.repeated |= paired_with_more_lines
    return compared


def _compare_window(
    compared: Compared, stored: _Stored, lines: dict[str, str], dead: set[str], parked: Collection[str]
) -> None:
    comparison = _compare(stored, lines, dead, parked)
    compared.comparisons += [comparison] if comparison.differs else []
    compared.contents_unknown += comparison.contents_unknown
    compared.totals["committed"] += len(stored.committed)
    compared.totals["published"] += len(stored.published)
    compared.totals["notified"] += len(stored.notified)
    compared.totals["audited"] += len(lines)


def _compare(stored: _Stored, lines: dict[str, str], dead: set[str], parked: Collection[str]) -> Comparison:
    not_notified_parked = set(parked) - stored.notified.keys()
    return compare(stored.committed, stored.published, stored.notified, lines, dead, not_notified_parked)


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


def _leave_out(stored: _Stored, event_ids: set[str]) -> _Stored:
    return _Stored(
        _without(stored.published, event_ids),
        _without(stored.notified, event_ids),
        _without(stored.committed, event_ids),
    )


def _without(entries: dict[str, T], event_ids: set[str]) -> dict[str, T]:
    return {event_id: entry for event_id, entry in entries.items() if event_id not in event_ids}


def _read_latest_lines(settings: Settings, event_ids: set[str]) -> dict[str, str]:
    """Return the digest of the last line of each of these events. This reads the whole file."""
    return {
        line.contents.event_id: line.digest()
        for line in audit_lines.read(settings.audit_file)
        if isinstance(line, AuditLine) and line.contents.event_id in event_ids
    }
