"""Sources of any size, compared window by window: each is read once, in the order of the event ids, and none is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

WINDOW = 5000


class NotAscending(Exception):
    """A source does not give its ids in the order in which they compare here, as another collation may."""


def begun(source: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The same with its first item read: a database shows what it held at that moment."""
    iterator = iter(source)
    return chain(list(islice(iterator, 1)), iterator)


def windows(sources: Sequence[Iterator[tuple[str, Any]]], size: int = WINDOW) -> Iterator[tuple[dict[str, Any], ...]]:
    """What each source says of the next ids: all windows together hold every id once, and an id that several sources
    know is in the same window of each. Each source gives (id, value), ids ascending. Raises NotAscending.
    """
    waiting: list[list[tuple[str, Any]]] = [[] for _ in sources]
    highest: list[str | None] = [None for _ in sources]
    while True:
        for number, source in enumerate(sources):
            fresh = list(islice(source, size - len(waiting[number])))
            for id_, _ in fresh:
                before = highest[number]
                if not isinstance(id_, str) or (before is not None and id_ <= before):
                    raise NotAscending(f"{id_!r} after {before!r}")
                highest[number] = id_
            waiting[number] += fresh
        if not any(waiting):
            return
        # Of a source whose page is full more may follow behind its last id; of the others everything is here.
        ends = [page[-1][0] for page in waiting if len(page) >= size]
        bound = min(ends) if ends else None
        window = tuple(dict(each for each in page if bound is None or each[0] <= bound) for page in waiting)
        yield window
        waiting = [page[len(taken) :] for page, taken in zip(waiting, window, strict=True)]


class Sorted:
    """Values by id, put in in any order and read in the order of the ids; what is too much for memory goes to disk."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file of its own that goes when it is closed
        self._db.execute("PRAGMA journal_mode=OFF")
        # Ids as bytes: a foreign one may hold half a surrogate pair. Their order is that of the texts.
        self._db.execute("CREATE TABLE entry (id BLOB NOT NULL, value TEXT NOT NULL)")

    def close(self) -> None:
        self._db.close()

    def put(self, entries: Iterable[tuple[str, str]]) -> None:
        self._db.execute("BEGIN")
        rows = ((id_.encode("utf-8", "surrogatepass"), value) for id_, value in entries)
        self._db.executemany("INSERT INTO entry VALUES (?, ?)", rows)
        self._db.execute("COMMIT")

    def latest(self) -> Iterator[tuple[str, str]]:
        """Each id once, with the value that was put in last."""
        for id_, value, _ in self._db.execute("SELECT id, value, max(rowid) FROM entry GROUP BY id ORDER BY id"):
            yield id_.decode("utf-8", "surrogatepass"), value

    def doubled(self) -> set[str]:
        """Ids that were put in more than once."""
        rows = self._db.execute("SELECT id FROM entry GROUP BY id HAVING count(*) > 1")
        return {row[0].decode("utf-8", "surrogatepass") for row in rows}
