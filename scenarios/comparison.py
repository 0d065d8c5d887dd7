"""The comparison of the sources, event by event and in both directions. Pure: what the sources say is handed in.

Each source is a mapping from event id to what it says: `committed` and `published` the digest of the contents with the
schema version, `notified` the contents with the whole audit line that belongs to it, `audited` the lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, slots=True)
class Versioned:
    """Of an outbox row or of an event's messages; None where it is not known."""

    contents: str | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Notified:
    contents: str
    line: str
    """Digest of the audit line that this notification must have."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Event ids, sorted."""

    not_published: tuple[str, ...]
    not_notified: tuple[str, ...]
    not_audited: tuple[str, ...]
    never_committed: tuple[str, ...]
    never_notified: tuple[str, ...]
    contents_differ: tuple[str, ...]
    contents_unknown: int
    """Events whose published contents nobody recorded."""

    @property
    def differs(self) -> bool:
        return any(getattr(self, name) for name in LISTS)


LISTS = ("not_published", "not_notified", "not_audited", "never_committed", "never_notified", "contents_differ")


def joined(parts: Iterable[Compared]) -> Compared:
    """Of comparisons of different events one."""
    parts = list(parts)
    lists = {name: tuple(sorted(chain.from_iterable(getattr(part, name) for part in parts))) for name in LISTS}
    return Compared(**lists, contents_unknown=sum(part.contents_unknown for part in parts))


def compare(
    committed: Mapping[str, Versioned],
    published: Mapping[str, Versioned],
    notified: Mapping[str, Notified],
    audited: Mapping[str, str],
    dead: set[str],
    parked: Collection[str] = (),
) -> Compared:
    """`parked` events are dead letters of the outbox: committed, and never to be published."""
    differ = {
        event_id
        for event_id in committed.keys() | published.keys() | notified.keys()
        if _differ(committed.get(event_id), published.get(event_id), notified.get(event_id))
    }
    differ |= {
        event_id for event_id, line in audited.items() if event_id in notified and notified[event_id].line != line
    }
    return Compared(
        not_published=tuple(sorted(committed.keys() - published.keys() - set(parked))),
        not_notified=tuple(sorted(committed.keys() - notified.keys() - dead)),
        not_audited=tuple(sorted(notified.keys() - audited.keys())),
        never_committed=tuple(sorted((published.keys() | notified.keys() | audited.keys()) - committed.keys())),
        never_notified=tuple(sorted(audited.keys() - notified.keys())),
        contents_differ=tuple(sorted(differ)),
        contents_unknown=sum(1 for each in published.values() if each.contents is None),
    )


def _differ(committed: Versioned | None, published: Versioned | None, notified: Notified | None) -> bool:
    """Whether two of them, where both are there and known, say different things. Of a pruned row nothing is known."""
    if _known(committed) and _known(published) and committed != published:
        return True
    if notified is None:
        return False
    return any(each is not None and each.contents not in (None, notified.contents) for each in (committed, published))


def _known(each: Versioned | None) -> bool:
    return each is not None and each.contents is not None
