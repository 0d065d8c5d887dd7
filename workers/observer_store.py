"""Store what the observer saw in a separate SQLite file, so that observing adds no load to the observed database.

One process writes the store; the page, the API and the command line read it. It keeps the newest `KEEP` messages of each
topic, and the ids of all distinct published events, because these are reconciled.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from workers import observer_trimmed
from workers.observer_records import Header, Observed, TopicCount, Totals
from workers.published_events import PublishedEvents
from workers.sqlite_transaction import immediate

KEEP = 20_000
"""How many messages of each topic are kept."""
SEARCHED = ("event_id", "aggregate_id", "correlation_id", "key", "message_id")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    n INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, message_id TEXT NOT NULL, key TEXT, aggregate_id TEXT,
    event_id TEXT, seq INTEGER, type TEXT NOT NULL, correlation_id TEXT, op TEXT, captured_us INTEGER,
    publish_us INTEGER NOT NULL, event_us INTEGER NOT NULL, observed_us INTEGER NOT NULL, properties TEXT NOT NULL,
    value BLOB NOT NULL, UNIQUE (topic, message_id));
CREATE INDEX IF NOT EXISTS message_by_topic ON message (topic, n);
CREATE INDEX IF NOT EXISTS message_by_event ON message (event_id);
CREATE TABLE IF NOT EXISTS published (
    event_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, correlation_id TEXT NOT NULL, times INTEGER NOT NULL,
    contents TEXT, version INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS published_by_correlation ON published (correlation_id);
CREATE TABLE IF NOT EXISTS topic (name TEXT PRIMARY KEY, messages INTEGER NOT NULL, last_publish_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS total (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO total VALUES ('distinct', 0), ('watermark', 0), ('version', 0);
"""
_INDEX = """
DROP INDEX IF EXISTS published_by_seq;
CREATE INDEX IF NOT EXISTS published_in_order ON published (seq, contents, version);
"""
"""With all that a reconciliation reads: to look for each event by its random id would be most of the time of reading them."""
_COUNT_PUBLISHED = """
INSERT INTO published (event_id, seq, correlation_id, times, contents, version) VALUES (?, ?, ?, 1, ?, ?)
ON CONFLICT (event_id) DO UPDATE SET times = times + 1,
    contents = CASE WHEN contents IS NULL OR (contents = excluded.contents AND version = excluded.version)
               THEN excluded.contents ELSE '' END,
    version = coalesce(version, excluded.version)
"""
_NOT_INSERTED = ("n", "contents", "version")


class ObserverStore(PublishedEvents):
    """The store, opened for reading or for writing. Opening one that does not exist for reading raises sqlite3.OperationalError."""

    def __init__(self, path: Path, *, write: bool = False) -> None:
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA + observer_trimmed.SCHEMA)
            self._add_contents_columns()
            self._db.executescript(_INDEX)
        else:
            self._db = sqlite3.connect(read_only_uri(path), uri=True, timeout=5, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._writes = 0

    def close(self) -> None:
        self._db.close()

    def record(self, batch: Sequence[Observed], event_topics: Collection[str]) -> None:
        """Add messages. A message that is recorded already changes nothing. Raises sqlite3.OperationalError."""
        with immediate(self._db):
            for message in batch:
                if self._insert(message):
                    self._count_message(message, event_topics)
            self._db.execute("UPDATE total SET value = value + 1 WHERE name = 'version'")
        self._writes += len(batch)
        if self._writes > KEEP // 10:
            self._writes = 0
            self._trim()

    @contextlib.contextmanager
    def consistent_read(self) -> Iterator[None]:
        """Hold a read transaction open, so that all reads within it see the same batches."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def read_totals(self) -> Totals:
        return Totals(**{row["name"]: row["value"] for row in self._db.execute("SELECT name, value FROM total")})

    def read_topic_counts(self) -> list[TopicCount]:
        return [TopicCount(*row) for row in self._db.execute("SELECT name, messages, last_publish_us FROM topic")]

    def restore(self, published: Sequence[dict[str, Any]]) -> None:
        """Fill an empty store with the events of a back-up, which has no messages."""
        with immediate(self._db):
            self._db.executemany(
                "INSERT OR IGNORE INTO published VALUES (:event_id, :seq, :correlation_id, :times, :contents, :version)",
                [{"contents": None, "version": None, **row} for row in published],
            )
            highest = max((int(row["seq"]) for row in published), default=0)
            self._db.execute("UPDATE total SET value = (SELECT COUNT(*) FROM published) WHERE name = 'distinct'")
            self._db.execute("UPDATE total SET value = max(value, ?) WHERE name = 'watermark'", (highest,))

    def list_published_before(self, correlation_id: str, before_us: int) -> set[str]:
        """Return the ids of a correlation id's events whose first kept message was published before `before_us`."""
        query = (
            "SELECT event_id FROM message WHERE correlation_id = ? AND op IS NOT NULL GROUP BY event_id"
            " HAVING min(publish_us) < ?"
        )
        return {row[0] for row in self._db.execute(query, (correlation_id, before_us))}

    def count_messages_on_topic(self, topic: str, correlation_id: str) -> dict[str, int]:
        """Return event id → number of kept messages of one topic that carried it."""
        query = (
            "SELECT event_id, COUNT(*) FROM message WHERE topic = ? AND correlation_id = ?"
            " AND event_id IS NOT NULL GROUP BY event_id"
        )
        return {row[0]: row[1] for row in self._db.execute(query, (topic, correlation_id))}

    def read_messages(
        self,
        topic: str | None = None,
        *,
        limit: int = 50,
        after: int = 0,
        before: int | None = None,
        type: str | None = None,
        search: str | None = None,
    ) -> list[Observed]:
        """Return messages, newest first. `search` matches the beginning or end of a column in `SEARCHED`, or any part of the type."""
        where: list[str] = ["n > ?"]
        values: list[object] = [after]
        for column, value in (("topic", topic), ("type", type)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        if before is not None:
            where.append("n < ?")
            values.append(before)
        if search:
            wanted = search.lower()
            conditions = ["instr(lower(type), ?) > 0"]
            values.append(wanted)
            for name in SEARCHED:
                conditions += [f"instr(lower({name}), ?) = 1", f"substr(lower({name}), ?) = ?"]
                values += [wanted, -len(wanted), wanted]
            where.append(f"({' OR '.join(conditions)})")
        query = f"SELECT * FROM message WHERE {' AND '.join(where)} ORDER BY n DESC LIMIT ?"
        return [_to_observed(row) for row in self._db.execute(query, (*values, limit))]

    def read_last_n(self) -> int:
        """Return the number `n` of the message that was observed last; 0 when there is none."""
        return int(self._db.execute("SELECT COALESCE(MAX(n), 0) FROM message").fetchone()[0])

    def read_headers_after(self, n: int, limit: int) -> list[Header]:
        """Return messages observed after `n`, oldest first, without their bodies."""
        query = "SELECT n, topic, message_id, event_id, properties FROM message WHERE n > ? ORDER BY n LIMIT ?"
        rows = self._db.execute(query, (n, limit))
        return [Header(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in rows]

    def read_messages_of(self, event_id: str) -> list[Observed]:
        """Return every kept message of an event on any topic, oldest first."""
        rows = self._db.execute("SELECT * FROM message WHERE event_id = ? ORDER BY n", (event_id,))
        return [_to_observed(row) for row in rows]

    def _add_contents_columns(self) -> None:
        """Add the columns that a store lacks when an older version of this program created it."""
        if not self._has_contents_columns():
            self._db.execute("ALTER TABLE published ADD COLUMN contents TEXT")
            self._db.execute("ALTER TABLE published ADD COLUMN version INTEGER")

    def _insert(self, message: Observed) -> bool:
        """Insert a message and return whether it is new."""
        if observer_trimmed.holds(self._db, message.topic, message.message_id, message.publish_us):
            return False
        names = [name for name in Observed.__slots__ if name not in _NOT_INSERTED]
        values = [json.dumps(message.properties) if name == "properties" else getattr(message, name) for name in names]
        statement = f"INSERT OR IGNORE INTO message ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        return self._db.execute(statement, values).rowcount == 1

    def _count_message(self, message: Observed, event_topics: Collection[str]) -> None:
        self._db.execute(
            "INSERT INTO topic VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE"
            " SET messages = messages + 1, last_publish_us = excluded.last_publish_us",
            (message.topic, message.publish_us),
        )
        if message.event_id is None or message.op is None or message.topic not in event_topics:
            return
        self._db.execute(
            _COUNT_PUBLISHED, (message.event_id, message.seq, message.correlation_id, message.contents, message.version)
        )
        times = self._db.execute("SELECT times FROM published WHERE event_id = ?", (message.event_id,)).fetchone()[0]
        if times == 1:
            self._db.execute("UPDATE total SET value = value + 1 WHERE name = 'distinct'")
        self._db.execute("UPDATE total SET value = max(value, ?) WHERE name = 'watermark'", (message.seq,))

    def _trim(self) -> None:
        """Delete all but the newest `KEEP` messages of each topic, and remember that they were recorded."""
        query = "SELECT n FROM message WHERE topic = ? ORDER BY n DESC LIMIT 1 OFFSET ?"
        for (topic,) in self._db.execute("SELECT name FROM topic").fetchall():
            if (last_trimmed := self._db.execute(query, (topic, KEEP)).fetchone()) is None:
                continue
            with immediate(self._db):
                selection, values = "FROM message WHERE topic = ? AND n <= ?", (topic, last_trimmed[0])
                trimmed = self._db.execute(f"SELECT message_id, publish_us {selection}", values).fetchall()
                observer_trimmed.add(self._db, topic, [(row[0], row[1]) for row in trimmed])
                self._db.execute(f"DELETE {selection}", values)


def read_only_uri(path: Path) -> str:
    """Return the URI by which SQLite opens a file for reading; it quotes special characters of the name."""
    return f"{path.absolute().as_uri()}?mode=ro"


def _to_observed(row: sqlite3.Row) -> Observed:
    values = dict(row)
    values["properties"] = json.loads(values["properties"])
    return Observed(**values)
