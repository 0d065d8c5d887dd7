"""Read the observer's store and count the lines of the audit file, for all pages."""

from __future__ import annotations

import re
import sqlite3
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path

from dashboard.view_models.snapshot import YOUNG, FeedState
from settings import Settings
from workers.observer_records import Observed
from workers.observer_store import ObserverStore

ROWS = 30
CHUNK = 1 << 20
"""Bytes read at once; every line of the audit file is much shorter."""
_SEQ = re.compile(rb'^\{"seq": ?(\d+),', re.MULTILINE)


class ObserverReader:
    """Read in one thread. `state` is replaced as a whole."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.state = FeedState()
        self._store: ObserverStore | None = None
        self._inode = 0
        self._version = -1
        self._lines = LineCount(settings.audit_file)

    def step(self, outbox_head: int | None = None) -> None:
        """Update the state; a missing store becomes a problem in the state and is not raised.

        `outbox_head` is the highest `seq` of the table: a higher one in a message is not believed.
        """
        problem = None
        read = self.state
        try:
            read = self._read(outbox_head)
        except (sqlite3.Error, OSError, TypeError):
            self._forget()
            problem = "away"
        lines = self._lines.read()
        read = replace(read, problem=problem, audited=lines, newest_audited=tuple(self._lines.newest))
        if read != self.state or self.state.version == 0:
            self.state = replace(read, version=self.state.version + 1)

    def filter_messages(self, topic: str | None, search: str | None, up_to: int | None = None) -> list[Observed]:
        """Read and return the newest messages that match, none with a higher `n` than `up_to`.

        Raises sqlite3.Error while there is no store.
        """
        store = ObserverStore(self._settings.observer_store)
        try:
            return store.read_messages(topic, limit=ROWS, search=search, before=None if up_to is None else up_to + 1)
        finally:
            store.close()

    def _read(self, outbox_head: int | None) -> FeedState:
        inode = self._settings.observer_store.stat().st_ino
        if self._store is None or inode != self._inode:  # a reset writes a new file
            self._forget()
            self._store, self._inode = ObserverStore(self._settings.observer_store), inode
        with self._store.consistent_read():
            totals = self._store.read_totals()
            watermark = totals.watermark if outbox_head is None else self._store.find_highest_captured(outbox_head)
            if totals.version == self._version:
                return replace(self.state, watermark=watermark)
            messages, seqs = (
                tuple(self._store.read_messages(limit=ROWS)),
                self._store.read_newest_seqs(YOUNG, _believed(outbox_head)),
            )
        self._version = totals.version
        return replace(
            self.state,
            messages=messages,
            published=totals.distinct,
            watermark=watermark,
            newest_published=seqs,
        )

    def _forget(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store, self._version = None, -1


def _believed(outbox_head: int | None) -> int | None:
    """Return the highest `seq` that is believed.

    Rows are committed between the reads of the table and of the store, but never more than `YOUNG`.
    """
    return None if outbox_head is None else outbox_head + YOUNG


@dataclass(slots=True)
class LineCount:
    """Count the complete lines of a growing file, each once, and keep the `seq` of the last ones."""

    path: Path
    newest: deque[int] = field(default_factory=lambda: deque(maxlen=YOUNG))
    _at: int = 0
    _inode: int = 0
    _lines: int = 0

    def read(self) -> int | None:
        """Count the lines added since the last read; return the total, or None while there is no file."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        if status.st_ino != self._inode or status.st_size < self._at:
            self._at, self._lines, self._inode = 0, 0, status.st_ino
            self.newest.clear()
        if status.st_size > self._at:
            self._read_added()
        return self._lines

    def _read_added(self) -> None:
        """Count all lines, and parse the last ones only: of a large file they are few."""
        last: deque[tuple[bytes, int]] = deque()
        lines_in_last = 0
        with self.path.open("rb") as file:
            file.seek(self._at)
            while end := (chunk := file.read(CHUNK)).rfind(b"\n") + 1:
                lines = chunk.count(b"\n")
                last.append((chunk[:end], lines))
                lines_in_last += lines
                while lines_in_last - last[0][1] >= YOUNG:
                    lines_in_last -= last.popleft()[1]
                self._lines += lines
                self._at += end
                file.seek(self._at)
        for text, _ in last:
            self.newest.extend(int(seq) for seq in _SEQ.findall(text))
