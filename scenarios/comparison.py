"""Compare the sources, event by event and in both directions. This module is pure: callers pass in the sources' data.

Each source is a mapping by event id. `committed` and `published` hold the digest of the contents with the schema version,
`notified` holds the digest of the contents with that of the audit line it must have, `audited` the digest of each line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, slots=True)
class Versioned:
    """Digest and schema version of an outbox row, or of an event's messages; None where they are not known."""

    contents: str | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Notified:
    contents: str
    line: str
    """Digest of the audit line that this notification must have."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The event ids that differ, sorted."""

    not_published: tuple[str, ...]
    not_notified: tuple[str, ...]
    not_audited: tuple[str, ...]
    never_committed: tuple[str, ...]
    never_notified: tuple[str, ...]
    contents_differ: tuple[str, ...]
    contents_unknown: int
    """Number of events whose published contents were not recorded."""

    @property
    def differs(self) -> bool:
        return any(getattr(self, name) for name in ID_LISTS)


ID_LISTS = ("not_published", "not_notified", "not_audited", "never_committed", "never_notified", "contents_differ")


def merge_comparisons(comparisons: Iterable[Comparison]) -> Comparison:
    """Merge comparisons of disjoint sets of events into one."""
    comparisons = list(comparisons)
    ids_by_list = {
        name: tuple(sorted(chain.from_iterable(getattr(comparison, name) for comparison in comparisons)))
        for name in ID_LISTS
    }
    return Comparison(**ids_by_list, contents_unknown=sum(comparison.contents_unknown for comparison in comparisons))


def compare(
    committed: Mapping[str, Versioned],
    published: Mapping[str, Versioned],
    notified: Mapping[str, Notified],
    audited: Mapping[str, str],
    dead_lettered: set[str],
    parked: Collection[str] = (),
) -> Comparison:
    """Compare the sources. `parked` events are outbox rows that cannot be published: they are not missing there."""
    differing = {
        event_id
        for event_id in committed.keys() | published.keys() | notified.keys()
        if _contents_differ(committed.get(event_id), published.get(event_id), notified.get(event_id))
    }
    differing |= {
        event_id for event_id, line in audited.items() if event_id in notified and notified[event_id].line != line
    }
    return Comparison(
        not_published=tuple(sorted(committed.keys() - published.keys() - set(parked))),
        not_notified=tuple(sorted(committed.keys() - notified.keys() - dead_lettered)),
        not_audited=tuple(sorted(notified.keys() - audited.keys())),
        never_committed=tuple(sorted((published.keys() | notified.keys() | audited.keys()) - committed.keys())),
        never_notified=tuple(sorted(audited.keys() - notified.keys())),
        contents_differ=tuple(sorted(differing)),
        contents_unknown=sum(1 for event in published.values() if event.contents is None),
    )


def _contents_differ(committed: Versioned | None, published: Versioned | None, notified: Notified | None) -> bool:
    """Return whether two of the three that are present and known differ. The contents of a pruned row are not known."""
    if _has_known_contents(committed) and _has_known_contents(published) and committed != published:
        return True
    if notified is None:
        return False
    return any(
        event is not None and event.contents not in (None, notified.contents) for event in (committed, published)
    )


def _has_known_contents(event: Versioned | None) -> bool:
    return event is not None and event.contents is not None
