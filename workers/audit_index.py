"""Keep the index of the audit file: its blocks of lines, and the notifications that they stand for.

The index is a small SQLite file beside the audit file, so that neither memory nor the time of a start grows with the audit
file. The notifications remain the truth: an index that is lost or damaged is built again from them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from workers.sqlite_transaction import immediate

LINES_PER_BLOCK = 250
BYTES_PER_BLOCK = 1 << 18
LARGEST_BLOCK = 1 << 26
"""Bytes. A block ends after the line with which it passes `BYTES_PER_BLOCK`; no line is nearly as long as this."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS block (
    number INTEGER PRIMARY KEY, start INTEGER NOT NULL, length INTEGER NOT NULL, digest BLOB NOT NULL, runs TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS covered (low INTEGER PRIMARY KEY, high INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS newest (seq INTEGER NOT NULL, digest BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS unwritable (seq INTEGER PRIMARY KEY, reason TEXT NOT NULL);
"""

Run = tuple[int, int]
"""First and last of consecutive `seq` numbers."""


@dataclass(frozen=True, slots=True)
class Block:
    """Complete lines that follow each other in the file."""

    number: int
    """Counted from 1, in the order of the file."""
    start: int
    """Offset of its first byte in the file."""
    length: int
    digest: bytes
    runs: tuple[Run, ...]
    """The `seq` numbers of its lines, in their order."""

    @property
    def seqs(self) -> list[int]:
        return [seq for first, last in self.runs for seq in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Newest:
    """The row with the highest `seq` that has a line. When the table no longer has this row, it was emptied."""

    seq: int
    digest: bytes
    """Digest of its line."""

    def matches(self, seq: int, line: bytes) -> bool:
        return (seq, digest(line)) == (self.seq, self.digest)


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


@dataclass(slots=True)
class _Growing:
    """The block to which new lines are added."""

    number: int
    start: int
    length: int = 0
    lines: int = 0
    runs: list[Run] = field(default_factory=list)
    hash: Any = field(default_factory=sha256)

    def add(self, seq: int, line: bytes) -> None:
        self.hash.update(line)
        self.length += len(line)
        self.lines += 1
        if self.runs and self.runs[-1][1] == seq - 1:
            self.runs[-1] = (self.runs[-1][0], seq)
        else:
            self.runs.append((seq, seq))

    @property
    def full(self) -> bool:
        return self.lines >= LINES_PER_BLOCK or self.length >= BYTES_PER_BLOCK

    def row(self) -> tuple[Any, ...]:
        return self.number, self.start, self.length, self.hash.digest(), json.dumps(self.runs, separators=(",", ":"))


class AuditIndex:
    """The open index. Use it in one thread only. Every method raises sqlite3.DatabaseError when the file is damaged or no index."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            # A power cut may lose its last changes, which are read again from the audit file; it never leaves half a change.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
            # Rows that could not be written are tried again: a newer program may be able to write them.
            for (seq,) in self._db.execute("SELECT seq FROM unwritable").fetchall():
                self._uncover(seq)
            self._db.execute("DELETE FROM unwritable")
            self._load()
        except BaseException:
            self._db.close()
            raise

    length: int
    """Bytes that the audit file must have."""
    head: int
    """Highest `seq` that was written or left out; 0 when there is none."""
    newest: Newest | None
    _blocks: int
    _version: int | None = None

    def _load(self) -> None:
        last = self._db.execute("SELECT number, start + length FROM block ORDER BY number DESC LIMIT 1").fetchone()
        self._blocks, self.length = last or (0, 0)
        self.head = int(self._db.execute("SELECT coalesce(max(high), 0) FROM covered").fetchone()[0])
        newest = self._db.execute("SELECT seq, digest FROM newest").fetchone()
        self.newest = None if newest is None else Newest(*newest)
        left_out = self._db.execute("SELECT coalesce(max(seq), 0) FROM unwritable").fetchone()[0]
        if self.head != max(left_out, self.newest.seq if self.newest else 0):
            raise sqlite3.DatabaseError("its tables contradict each other")
        self._growing: _Growing | None = None  # a stored hash cannot be continued: the next line begins a new block

    def changed_by_another(self) -> bool:
        """Return whether another process changed the index since the last call; then read it again."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        changed = self._version not in (None, version)
        self._version = version
        if changed:
            self._load()
        return changed

    def close(self) -> None:
        self._db.close()

    def add(self, lines: Sequence[tuple[int, bytes]]) -> None:
        """Record lines, each with its `seq`, that were appended to the file."""
        if not lines:
            return
        try:
            with immediate(self._db):
                for seq, line in lines:
                    if self._growing is None or self._growing.full:
                        self._store()
                        self._blocks += 1
                        self._growing = _Growing(self._blocks, self.length)
                    self._growing.add(seq, line)
                    self.length += len(line)
                self._store()
                self._store_newest(*max(lines))
                self._cover(seq for seq, _ in lines)
        except BaseException:
            self._load()
            raise

    def leave_out(self, seq: int, reason: str) -> None:
        """Record that a row cannot be written, so that the next check does not try it again."""
        self._db.execute("INSERT OR REPLACE INTO unwritable VALUES (?, ?)", (seq, reason))
        self._cover([seq])

    def clear(self) -> None:
        """Forget everything, because the whole file will be written again."""
        with immediate(self._db):
            for table in ("block", "covered", "newest", "unwritable"):
                self._db.execute(f"DELETE FROM {table}")
        self._load()

    def blocks(self, start_number: int, limit: int) -> list[Block]:
        """Return up to `limit` blocks from `start_number` on, in order."""
        rows = self._db.execute(
            "SELECT number, start, length, digest, runs FROM block WHERE number >= ? ORDER BY number LIMIT ?",
            (start_number, limit),
        )
        return [_read_block(*row) for row in rows]

    def last_block(self) -> Block | None:
        return next(iter(self.blocks(self._blocks, 1)), None)

    def newest_gaps(self, limit: int) -> list[Run]:
        """Return ranges of numbers below the head that have no line: a late transaction may still commit rows there."""
        rows = self._db.execute("SELECT low, high FROM covered ORDER BY low DESC LIMIT ?", (limit + 1,)).fetchall()
        complete = len(rows) <= limit
        return _gaps_between(rows[::-1], 0 if complete else None)

    def gaps_above(self, seq: int, limit: int) -> tuple[list[Run], int]:
        """Return the gaps above a `seq`, lowest first, and the `seq` to continue from, which is 0 after the last gap."""
        rows = self._db.execute(
            "SELECT low, high FROM covered WHERE high >= ? ORDER BY low LIMIT ?", (seq, limit + 1)
        ).fetchall()
        return _gaps_between(rows, 0 if seq == 0 else None), (rows[-1][1] if len(rows) > limit else 0)

    def _store(self) -> None:
        if self._growing is not None:
            self._db.execute("INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?)", self._growing.row())

    def _store_newest(self, seq: int, line: bytes) -> None:
        if self.newest is None or seq > self.newest.seq:
            self.newest = Newest(seq, digest(line))
            self._db.execute("DELETE FROM newest")
            self._db.execute("INSERT INTO newest VALUES (?, ?)", (self.newest.seq, self.newest.digest))

    def _cover(self, seqs: Any) -> None:
        for low, high in _join_runs(sorted(seqs)):
            before = self._db.execute(
                "SELECT low, high FROM covered WHERE low <= ? ORDER BY low DESC LIMIT 1", (low,)
            ).fetchone()
            if before is not None and before[1] >= high:
                continue
            if before is not None and before[1] != low - 1:
                before = None
            after = self._db.execute("SELECT high FROM covered WHERE low = ?", (high + 1,)).fetchone()
            if after is not None:
                self._db.execute("DELETE FROM covered WHERE low = ?", (high + 1,))
            joined = (before[0] if before else low, after[0] if after else high)
            self._db.execute("INSERT OR REPLACE INTO covered VALUES (?, ?)", joined)
            self.head = max(self.head, high)

    def _uncover(self, seq: int) -> None:
        row = self._db.execute(
            "SELECT low, high FROM covered WHERE low <= ? ORDER BY low DESC LIMIT 1", (seq,)
        ).fetchone()
        if row is None or row[1] < seq:
            return
        self._db.execute("DELETE FROM covered WHERE low = ?", (row[0],))
        for low, high in ((row[0], seq - 1), (seq + 1, row[1])):
            if low <= high:
                self._db.execute("INSERT INTO covered VALUES (?, ?)", (low, high))


def _read_block(number: Any, start: Any, length: Any, checksum: Any, runs: Any) -> Block:
    """Return a stored block. Raise sqlite3.DatabaseError when a value is none that this program writes: SQLite checks no bytes."""
    try:
        block = Block(number, start, length, checksum, tuple((first, last) for first, last in json.loads(runs)))
        numbers = [number, start, length, *(seq for run in block.runs for seq in run)]
        fits = all(type(value) is int for value in numbers) and start >= 0 and 0 < length <= LARGEST_BLOCK
    except (ValueError, TypeError, RecursionError) as error:
        raise sqlite3.DatabaseError(f"its block {number!a:.20} is damaged: {error}") from error
    if not fits or type(checksum) is not bytes or sum(last - first + 1 for first, last in block.runs) > LINES_PER_BLOCK:
        raise sqlite3.DatabaseError(f"its block {number!a:.20} is damaged")
    return block


def is_only_unavailable(error: sqlite3.DatabaseError) -> bool:
    """Return whether the index cannot be read or written at the moment, which is no damage."""
    kinds = ("FULL", "IOERR", "BUSY", "LOCKED", "READONLY", "CANTOPEN", "PERM", "NOMEM")
    return getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").startswith(kinds)


def delete(path: Path) -> None:
    """Delete an index that is not open."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _join_runs(seqs: Sequence[int]) -> list[Run]:
    """Return the ranges of consecutive numbers among ascending ones."""
    runs: list[Run] = []
    for seq in seqs:
        if runs and runs[-1][1] == seq - 1:
            runs[-1] = (runs[-1][0], seq)
        else:
            runs.append((seq, seq))
    return runs


def _gaps_between(covered: Sequence[Run], start: int | None) -> list[Run]:
    """Return the gaps between ascending ranges, and the one between `start` and the first of them."""
    gaps: list[Run] = []
    for low, high in covered:
        if start is not None and low > start + 1:
            gaps.append((start + 1, low - 1))
        start = high
    return gaps
