"""What the observer saw, in a SQLite file of its own: watching never loads the database that is watched.

One process writes it; the page, the API and the command line read it. Message bodies are kept for the newest `KEEP`
deliveries of each topic; the ids of distinct events published are kept for all, for that is what is reconciled.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers import observer_trimmed

KEEP = 20_000
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
CREATE INDEX IF NOT EXISTS published_by_seq ON published (seq);
CREATE TABLE IF NOT EXISTS topic (name TEXT PRIMARY KEY, messages INTEGER NOT NULL, last_publish_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS total (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO total VALUES ('distinct', 0), ('watermark', 0), ('version', 0);
"""
_PUBLISH = """
INSERT INTO published (event_id, seq, correlation_id, times, contents, version) VALUES (?, ?, ?, 1, ?, ?)
ON CONFLICT (event_id) DO UPDATE SET times = times + 1,
    contents = CASE WHEN contents IS NULL OR (contents = excluded.contents AND version = excluded.version)
               THEN excluded.contents ELSE '' END,
    version = coalesce(version, excluded.version)
"""
VARYING = ""
"""In place of a digest: two messages of the event said different things."""
_NOT_STORED = ("n", "contents", "version")


@dataclass(frozen=True, slots=True)
class Observed:
    """One message as the observer received it. Times are microseconds since the epoch."""

    topic: str
    message_id: str
    key: str | None
    aggregate_id: str | None
    event_id: str | None
    seq: int | None
    type: str
    correlation_id: str | None
    op: str | None
    captured_us: int | None
    publish_us: int
    event_us: int
    observed_us: int
    properties: dict[str, str]
    value: bytes
    n: int = 0
    """Order of observation, given by the store."""
    contents: str | None = None
    """Digest of the event's contents (domain.contents) where the message carries an event; not given when read again."""
    version: int | None = None
    """Of the event's schema."""


@dataclass(frozen=True, slots=True)
class Published:
    """A distinct event as its messages carried it."""

    event_id: str
    contents: str | None
    """Digest of its contents, `VARYING` where its messages differ; None where an older program or a backup recorded it."""
    version: int | None


@dataclass(frozen=True, slots=True)
class Header:
    """A message without its body."""

    n: int
    topic: str
    message_id: str
    event_id: str | None
    properties: dict[str, str]


@dataclass(frozen=True, slots=True)
class TopicCount:
    name: str
    messages: int
    last_publish_us: int


@dataclass(frozen=True, slots=True)
class Totals:
    distinct: int
    """Distinct event ids seen on the topics that carry events."""
    watermark: int
    """Highest outbox `seq` seen there."""
    version: int
    """Rises with every batch: unchanged, and nothing new is to be read."""


class ObserverStore:
    """Opening for reading raises sqlite3.OperationalError while there is no store yet."""

    def __init__(self, path: Path, *, write: bool = False) -> None:
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA + observer_trimmed.SCHEMA)
            self._add_contents()
        else:
            self._db = sqlite3.connect(_read_only(path), uri=True, timeout=5, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._writes = 0

    def close(self) -> None:
        self._db.close()

    def record(self, batch: Sequence[Observed], event_topics: Collection[str]) -> None:
        """Add messages; those recorded already (redelivered) change nothing. Raises sqlite3.OperationalError."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for message in batch:
                if self._insert(message):
                    self._count(message, event_topics)
            self._db.execute("UPDATE total SET value = value + 1 WHERE name = 'version'")
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._writes += len(batch)
        if self._writes > KEEP // 10:
            self._writes = 0
            self._trim()

    @contextlib.contextmanager
    def one_moment(self) -> Iterator[None]:
        """What is read within agrees: a batch is in all of it, or in none."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def totals(self) -> Totals:
        return Totals(**{row["name"]: row["value"] for row in self._db.execute("SELECT name, value FROM total")})

    def topics(self) -> list[TopicCount]:
        return [TopicCount(*row) for row in self._db.execute("SELECT name, messages, last_publish_us FROM topic")]

    def published_ids(self, correlation_id: str | None = None) -> dict[str, int]:
        """Event id → how many messages carried it, dead letters and requeued ones not counted."""
        query, values = "SELECT event_id, times FROM published", ()
        if correlation_id is not None:
            query, values = f"{query} WHERE correlation_id = ?", (correlation_id,)  # type: ignore[assignment]
        return {row[0]: row[1] for row in self._db.execute(query, values)}

    def times_published(self, event_id: str) -> int:
        """Messages that carried the event, dead letters and requeued ones not counted."""
        row = self._db.execute("SELECT times FROM published WHERE event_id = ?", (event_id,)).fetchone()
        return int(row[0]) if row else 0

    def count_published(self, correlation_id: str) -> int:
        """Distinct events of a correlation id, counted from an index."""
        query = "SELECT COUNT(*) FROM published WHERE correlation_id = ?"
        return int(self._db.execute(query, (correlation_id,)).fetchone()[0])

    def published_contents(self, correlation_id: str | None = None) -> Iterator[Published]:
        """Every distinct event by its id, of one correlation id where given."""
        known = "contents, version" if self._keeps_contents() else "NULL, NULL"
        query, values = f"SELECT event_id, {known} FROM published", ()
        if correlation_id is not None:
            query, values = f"{query} WHERE correlation_id = ?", (correlation_id,)  # type: ignore[assignment]
        for row in self._db.execute(f"{query} ORDER BY event_id", values):
            yield Published(*row)

    def published(self) -> Iterator[dict[str, str | int | None]]:
        """Every distinct event: event_id, seq, correlation_id, times, contents, version."""
        known = "contents, version" if self._keeps_contents() else "NULL AS contents, NULL AS version"
        for row in self._db.execute(
            f"SELECT event_id, seq, correlation_id, times, {known} FROM published ORDER BY seq"
        ):
            yield dict(row)

    def newest_seqs(self, limit: int) -> tuple[int, ...]:
        """Outbox `seq` of the newest distinct events, ascending."""
        rows = self._db.execute("SELECT seq FROM published ORDER BY seq DESC LIMIT ?", (limit,))
        return tuple(row[0] for row in rows)[::-1]

    def restore(self, published: Sequence[dict[str, Any]]) -> None:
        """Into an empty store: what was seen before, without the messages themselves."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT OR IGNORE INTO published VALUES (:event_id, :seq, :correlation_id, :times, :contents, :version)",
            [{"contents": None, "version": None, **row} for row in published],
        )
        highest = max((int(row["seq"]) for row in published), default=0)
        self._db.execute("UPDATE total SET value = (SELECT COUNT(*) FROM published) WHERE name = 'distinct'")
        self._db.execute("UPDATE total SET value = max(value, ?) WHERE name = 'watermark'", (highest,))
        self._db.execute("COMMIT")

    def published_before(self, correlation_id: str, before_us: int) -> set[str]:
        """Event ids of a correlation id first published before a time, among the kept messages."""
        query = (
            "SELECT event_id FROM message WHERE correlation_id = ? AND op IS NOT NULL GROUP BY event_id"
            " HAVING min(publish_us) < ?"
        )
        return {row[0] for row in self._db.execute(query, (correlation_id, before_us))}

    def published_on(self, topic: str, correlation_id: str) -> dict[str, int]:
        """Event id → how many of the kept messages of one topic carried it."""
        query = (
            "SELECT event_id, COUNT(*) FROM message WHERE topic = ? AND correlation_id = ?"
            " AND event_id IS NOT NULL GROUP BY event_id"
        )
        return {row[0]: row[1] for row in self._db.execute(query, (topic, correlation_id))}

    def published_among(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the ids that some message carried."""
        found: set[str] = set()
        for start in range(0, len(event_ids), 500):
            some = event_ids[start : start + 500]
            query = f"SELECT event_id FROM published WHERE event_id IN ({','.join('?' * len(some))})"
            found |= {row[0] for row in self._db.execute(query, tuple(some))}
        return found

    def feed(
        self,
        topic: str | None = None,
        *,
        limit: int = 50,
        after: int = 0,
        before: int | None = None,
        type: str | None = None,
        search: str | None = None,
    ) -> list[Observed]:
        """Newest first; `search` is the beginning of one of `SEARCHED`, or a part of the type."""
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
            alike = [f"instr(lower({name}), ?) = 1" for name in SEARCHED] + ["instr(lower(type), ?) > 0"]
            where.append(f"({' OR '.join(alike)})")
            values += [search.lower()] * len(alike)
        query = f"SELECT * FROM message WHERE {' AND '.join(where)} ORDER BY n DESC LIMIT ?"
        return [_observed(row) for row in self._db.execute(query, (*values, limit))]

    def head(self) -> int:
        """The highest `n`; 0 when nothing was observed."""
        return int(self._db.execute("SELECT COALESCE(MAX(n), 0) FROM message").fetchone()[0])

    def headers_after(self, n: int, limit: int) -> list[Header]:
        """What was observed after `n`, oldest first, without the bodies."""
        query = "SELECT n, topic, message_id, event_id, properties FROM message WHERE n > ? ORDER BY n LIMIT ?"
        rows = self._db.execute(query, (n, limit))
        return [Header(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in rows]

    def messages_of(self, event_id: str) -> list[Observed]:
        """Every kept message that carried the event, oldest first, on any topic."""
        rows = self._db.execute("SELECT * FROM message WHERE event_id = ? ORDER BY n", (event_id,))
        return [_observed(row) for row in rows]

    def _keeps_contents(self) -> bool:
        return any(row[1] == "contents" for row in self._db.execute("PRAGMA table_info(published)"))

    def _add_contents(self) -> None:
        """To a store that an older program made."""
        if not self._keeps_contents():
            self._db.execute("ALTER TABLE published ADD COLUMN contents TEXT")
            self._db.execute("ALTER TABLE published ADD COLUMN version INTEGER")

    def _insert(self, message: Observed) -> bool:
        """Whether it is new."""
        if observer_trimmed.holds(self._db, message.topic, message.message_id, message.publish_us):
            return False
        names = [name for name in Observed.__slots__ if name not in _NOT_STORED]
        values = [json.dumps(message.properties) if name == "properties" else getattr(message, name) for name in names]
        statement = f"INSERT OR IGNORE INTO message ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        return self._db.execute(statement, values).rowcount == 1

    def _count(self, message: Observed, event_topics: Collection[str]) -> None:
        self._db.execute(
            "INSERT INTO topic VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE"
            " SET messages = messages + 1, last_publish_us = excluded.last_publish_us",
            (message.topic, message.publish_us),
        )
        if message.event_id is None or message.op is None or message.topic not in event_topics:
            return
        self._db.execute(
            _PUBLISH, (message.event_id, message.seq, message.correlation_id, message.contents, message.version)
        )
        times = self._db.execute("SELECT times FROM published WHERE event_id = ?", (message.event_id,)).fetchone()[0]
        if times == 1:
            self._db.execute("UPDATE total SET value = value + 1 WHERE name = 'distinct'")
        self._db.execute("UPDATE total SET value = max(value, ?) WHERE name = 'watermark'", (message.seq,))

    def _trim(self) -> None:
        """Delete the messages beyond the newest `KEEP` of each topic; that they were recorded is remembered."""
        beyond = "SELECT n FROM message WHERE topic = ? ORDER BY n DESC LIMIT 1 OFFSET ?"
        for (topic,) in self._db.execute("SELECT name FROM topic").fetchall():
            if (newest := self._db.execute(beyond, (topic, KEEP)).fetchone()) is None:
                continue
            self._db.execute("BEGIN IMMEDIATE")
            try:
                chosen, values = "FROM message WHERE topic = ? AND n <= ?", (topic, newest[0])
                gone = self._db.execute(f"SELECT message_id, publish_us {chosen}", values).fetchall()
                observer_trimmed.add(self._db, topic, [(each[0], each[1]) for each in gone])
                self._db.execute(f"DELETE {chosen}", values)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise


def _read_only(path: Path) -> str:
    """SQLite's URI of a file, whatever characters its name has."""
    return f"{path.absolute().as_uri()}?mode=ro"


def recently_published(path: Path, limit: int) -> list[str]:
    """Event ids of the newest messages that brought one; none while the store cannot be read."""
    query = "SELECT DISTINCT event_id FROM (SELECT event_id, op FROM message ORDER BY n DESC LIMIT ?) WHERE op = 'c'"
    try:
        with contextlib.closing(sqlite3.connect(_read_only(path), uri=True, timeout=1)) as store:
            return [row[0] for row in store.execute(query, (limit,)) if row[0] is not None]
    except sqlite3.OperationalError:
        return []


def _observed(row: sqlite3.Row) -> Observed:
    values = dict(row)
    values["properties"] = json.loads(values["properties"])
    return Observed(**values)
