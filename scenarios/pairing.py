"""Pair the events of all sources while each is read once, in the order of its writing, in little memory.

An event that all sources have, and about which they certainly agree, is counted and forgotten. Everything else is set aside on
disk by its id, to be compared thoroughly: little of a sound system, or all of a broken one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from scenarios import audit_lines
from scenarios.agreement import agree
from scenarios.streams import SortedById

WAITING = 10_000
"""How many events of a source wait for the other sources, before the oldest half of them is set aside."""


class UnusualId(Exception):
    """A source has an id that is no text: the sources must be compared in another way."""


@dataclass(slots=True)
class Sources:
    """The sources, as pages of their rows in the order of their writing: see `db.raw_contents`."""

    committed: Iterator[list[tuple[Any, ...]]]
    pruned: Iterator[list[tuple[Any, ...]]]
    published: Iterator[list[tuple[Any, ...]]]
    """Id, digest of the contents, schema version."""
    notified: Iterator[list[tuple[Any, ...]]]
    audited: Iterator[list[tuple[str | None, bytes]]]
    """Id and bytes of each complete line; the id is None when it is no audit line."""


@dataclass(slots=True)
class Paired:
    """What is left to compare. Close it."""

    agreed: int = 0
    """Events of all sources."""
    contents_unknown: int = 0
    """Those of them whose published contents were not recorded."""
    rest: SortedById = field(default_factory=SortedById)
    """Ids of outbox rows, pruned rows and messages that were not paired. A row that is pruned meanwhile is in two tables: an
    event may have been paired with one of them, and the other is here."""
    notified: SortedById = field(default_factory=SortedById)
    """Ids of notifications that were not paired. Every paired event has one notification."""
    lines: SortedById = field(default_factory=SortedById)
    """Id → digest of a line that was not paired, in the file's order; an event that was paired may have another line here."""
    foreign_lines: int = 0

    def close(self) -> None:
        for collection in (self.rest, self.notified, self.lines):
            collection.close()


def pair(sources: Sources, paired: Paired, waiting: int = WAITING) -> None:
    """Read all sources into `paired`. Raises UnusualId."""
    pages: dict[str, Iterator[list[tuple[Any, ...]]]] = {
        "committed": sources.committed,
        "pruned": sources.pruned,
        "published": sources.published,
        "notified": sources.notified,
        "audited": sources.audited,
    }
    pending: dict[str, dict[str, Any]] = {name: {} for name in pages}
    while pages:
        # The source of which the fewest wait is behind the others.
        name = min(pages, key=lambda source: len(pending[source]))
        page = next(pages[name], None)
        if page is None:
            del pages[name]
            continue
        _add(pending[name], name, page, paired)
        _match(pending, paired)
        for source, entries in pending.items():
            if len(entries) > waiting:
                _set_aside(source, list(islice(entries.items(), len(entries) // 2)), entries, paired)
    for source, entries in pending.items():
        _set_aside(source, list(entries.items()), entries, paired)


def _add(entries: dict[str, Any], name: str, page: Iterable[tuple[Any, ...]], paired: Paired) -> None:
    is_line = name == "audited"
    for row in page:
        key = row[0]
        if type(key) is not str:
            if not is_line:
                raise UnusualId(repr(key))
            paired.foreign_lines += 1
            continue
        if key in entries:  # only a line can repeat an id: the older one is set aside first
            _set_aside(name, [(key, entries[key])], entries, paired)
        entries[key] = row[1] if is_line else row


def _match(pending: Mapping[str, dict[str, Any]], paired: Paired) -> None:
    """Count and forget the events that all sources have and agree about; set the others aside that all sources have."""
    committed, pruned = pending["committed"], pending["pruned"]
    published, notified, audited = pending["published"], pending["notified"], pending["audited"]
    for event_id in list(notified.keys() & published.keys() & audited.keys()):
        row = committed.get(event_id)
        if row is None and event_id not in pruned:
            continue
        _, contents, version = published[event_id]
        if agree(row, contents, version, notified[event_id], audited[event_id]):
            paired.agreed += 1
            paired.contents_unknown += contents is None
            del published[event_id], notified[event_id], audited[event_id]
            (committed if row is not None else pruned).pop(event_id)
        else:
            for source, entries in pending.items():
                if event_id in entries:
                    _set_aside(source, [(event_id, entries[event_id])], entries, paired)


def _set_aside(source: str, items: list[tuple[str, Any]], entries: dict[str, Any], paired: Paired) -> None:
    if source == "audited":
        for _, raw in items:
            line = audit_lines.parse(raw)
            paired.foreign_lines += line is None
            if line is not None:
                paired.lines.put([(line.contents.event_id, line.digest())])
    else:
        collection = paired.notified if source == "notified" else paired.rest
        collection.put((event_id, "") for event_id, _ in items)
    for event_id, _ in items:
        del entries[event_id]
