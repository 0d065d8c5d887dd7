"""Read the distinct published events of the observer's store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from workers.observer_records import Published

_MAX_SEQ = 2**63 - 1


class PublishedEvents:
    """The part of the observer's store that counts each event once."""

    _db: sqlite3.Connection

    def count_messages_by_event(self, correlation_id: str | None = None) -> dict[str, int]:
        """Return event id → number of messages that carried it, without dead letters and requeued messages."""
        query, values = "SELECT event_id, times FROM published", ()
        if correlation_id is not None:
            query, values = f"{query} WHERE correlation_id = ?", (correlation_id,)  # type: ignore[assignment]
        return {row[0]: row[1] for row in self._db.execute(query, values)}

    def count_messages_of(self, event_id: str) -> int:
        """Return how many messages carried the event, without dead letters and requeued messages."""
        row = self._db.execute("SELECT times FROM published WHERE event_id = ?", (event_id,)).fetchone()
        return int(row[0]) if row else 0

    def count_published_events(self, correlation_id: str) -> int:
        """Return the number of distinct events of a correlation id; an index makes this cheap."""
        query = "SELECT COUNT(*) FROM published WHERE correlation_id = ?"
        return int(self._db.execute(query, (correlation_id,)).fetchone()[0])

    def read_published_contents(self, correlation_id: str | None = None) -> Iterator[Published]:
        """Yield the contents of every distinct event, or of those of one correlation id, in the order of event ids."""
        columns = "contents, version" if self._has_contents_columns() else "NULL, NULL"
        query, values = f"SELECT event_id, {columns} FROM published", ()
        if correlation_id is not None:
            query, values = f"{query} WHERE correlation_id = ?", (correlation_id,)  # type: ignore[assignment]
        for row in self._db.execute(f"{query} ORDER BY event_id", values):
            yield Published(*row)

    def read_published_pages(self, rows: int) -> Iterator[list[tuple[str, str | None, int | None]]]:
        """Yield id, digest and version of every distinct event in the order of `seq`, so many rows at a time."""
        columns = "contents, version" if self._has_contents_columns() else "NULL, NULL"
        cursor = self._db.cursor()
        cursor.row_factory = None
        cursor.execute(f"SELECT event_id, {columns} FROM published ORDER BY seq")
        while page := cursor.fetchmany(rows):
            yield page

    def read_published_ids(self) -> Iterator[str]:
        """Yield the ids of all distinct events, in their order."""
        yield from (row[0] for row in self._db.execute("SELECT event_id FROM published ORDER BY event_id"))

    def select_published_contents(self, event_ids: Sequence[str]) -> list[Published]:
        """Return the contents of those of these events that were published."""
        columns = "contents, version" if self._has_contents_columns() else "NULL, NULL"
        query = f"SELECT event_id, {columns} FROM published WHERE event_id IN ({','.join('?' * len(event_ids))})"
        return [Published(*row) for row in self._db.execute(query, tuple(event_ids))]

    def read_published_rows(self) -> Iterator[dict[str, str | int | None]]:
        """Yield every distinct event as a row: event_id, seq, correlation_id, times, contents, version."""
        columns = "contents, version" if self._has_contents_columns() else "NULL AS contents, NULL AS version"
        for row in self._db.execute(
            f"SELECT event_id, seq, correlation_id, times, {columns} FROM published ORDER BY seq"
        ):
            yield dict(row)

    def find_highest_captured(self, head: int) -> int:
        """Return the highest published `seq` that is at most `head`, the outbox's highest; 0 when there is none.

        A message may carry any number, and one above `head` is of no outbox row: it says nothing about the capture.
        """
        query = "SELECT seq FROM published WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(query, (head,)).fetchone()
        return int(row[0]) if row else 0

    def read_newest_seqs(self, limit: int, up_to: int | None = None) -> tuple[int, ...]:
        """Return the `limit` highest `seq` of published events, ascending; with `up_to`, none above it."""
        query = "SELECT seq FROM published WHERE seq <= ? ORDER BY seq DESC LIMIT ?"
        rows = self._db.execute(query, (_MAX_SEQ if up_to is None else up_to, limit))
        return tuple(row[0] for row in rows)[::-1]

    def select_published(self, event_ids: Sequence[str]) -> set[str]:
        """Return those of the ids that were published."""
        published: set[str] = set()
        for start in range(0, len(event_ids), 500):
            chunk = event_ids[start : start + 500]
            query = f"SELECT event_id FROM published WHERE event_id IN ({','.join('?' * len(chunk))})"
            published |= {row[0] for row in self._db.execute(query, tuple(chunk))}
        return published

    def _has_contents_columns(self) -> bool:
        return any(row[1] == "contents" for row in self._db.execute("PRAGMA table_info(published)"))
