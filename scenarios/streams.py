"""Read sources of any size side by side, window by window: each once, in the order of its event ids, in little memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

WINDOW = 5000

T = TypeVar("T")


class NotAscending(Exception):
    """A source yields ids in an order other than Python's, as a database with another collation may."""


def start_reading(source: Iterable[T]) -> Iterator[T]:
    """Read the first item now and return all items: a database then yields the rows that it holds now."""
    iterator = iter(source)
    return chain(list(islice(iterator, 1)), iterator)


def windows(sources: Sequence[Iterator[tuple[str, Any]]], size: int = WINDOW) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield windows: for each source a mapping from the next ids to their values.

    Every id is in exactly one window, and an id of several sources is in the same window for each. Each source yields
    (id, value) with ascending ids. Raises NotAscending.
    """
    pending: list[list[tuple[str, Any]]] = [[] for _ in sources]
    highest: list[str | None] = [None for _ in sources]
    while True:
        for number, source in enumerate(sources):
            new_entries = list(islice(source, size - len(pending[number])))
            for id_, _ in new_entries:
                previous = highest[number]
                if not isinstance(id_, str) or (previous is not None and id_ <= previous):
                    raise NotAscending(f"{id_!r} after {previous!r}")
                highest[number] = id_
            pending[number] += new_entries
        if not any(pending):
            return
        # A source with a full page may have more ids after its last one; the other sources are complete.
        ends = [page[-1][0] for page in pending if len(page) >= size]
        bound = min(ends) if ends else None
        window = tuple(dict(entry for entry in page if bound is None or entry[0] <= bound) for page in pending)
        yield window
        pending = [page[len(yielded) :] for page, yielded in zip(pending, window, strict=True)]


class SortedById:
    """A collection of (id, value) that accepts any order and is read in the order of the ids. It spills to disk."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary database that is deleted when it is closed
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("CREATE TABLE entry (id BLOB NOT NULL, value TEXT NOT NULL)")

    def close(self) -> None:
        self._db.close()

    def put(self, entries: Iterable[tuple[str, str]]) -> None:
        self._db.execute("BEGIN")
        rows = ((_to_key(id_), value) for id_, value in entries)
        self._db.executemany("INSERT INTO entry VALUES (?, ?)", rows)
        self._db.execute("COMMIT")

    def latest(self) -> Iterator[tuple[str, str]]:
        """Yield each id once, with its last value."""
        for id_, value, _ in self._db.execute("SELECT id, value, max(rowid) FROM entry GROUP BY id ORDER BY id"):
            yield id_.decode("utf-8", "surrogatepass"), value

    def duplicate_ids(self) -> set[str]:
        """Return the ids that were put in more than once."""
        rows = self._db.execute("SELECT id FROM entry GROUP BY id HAVING count(*) > 1")
        return {row[0].decode("utf-8", "surrogatepass") for row in rows}


class FlagsById:
    """Event ids with flags, which are powers of two. It spills to disk."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary database that is deleted when it is closed
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("CREATE TABLE event (id BLOB PRIMARY KEY, flags INTEGER NOT NULL) WITHOUT ROWID")

    def close(self) -> None:
        self._db.close()

    def add(self, ids: Iterable[str], flag: int) -> None:
        """Set a flag of these ids; those that are not there are added. It is quickest with ascending ids."""
        statement = "INSERT INTO event VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET flags = flags | ?2"
        self._db.execute("BEGIN")
        self._db.executemany(statement, ((_to_key(id_), flag) for id_ in ids))
        self._db.execute("COMMIT")

    def mark(self, id_: str, flag: int, if_flag: int) -> int:
        """Set a flag of an id that has another one, and return the flags that it had; 0 for any other id."""
        key = _to_key(id_)
        row = self._db.execute("SELECT flags FROM event WHERE id = ?", (key,)).fetchone()
        if row is None or not row[0] & if_flag:
            return 0
        if row[0] | flag != row[0]:
            self._db.execute("UPDATE event SET flags = flags | ? WHERE id = ?", (flag, key))
        return int(row[0])

    def count(self, *flags: int) -> int:
        """Return the number of ids that have one of the flags of each argument. This reads all of them."""
        where = " AND ".join(["flags & ?"] * len(flags))
        return int(self._db.execute(f"SELECT count(*) FROM event WHERE {where}", flags).fetchone()[0])


def _to_key(id_: str) -> bytes:
    # Ids are stored as bytes, because a foreign id may hold half a surrogate pair. Bytes sort like the texts.
    return id_.encode("utf-8", "surrogatepass")
