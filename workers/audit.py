"""The audit process: keeps `data/events.jsonl` equal to the notifications, whatever happens to the file.

The notifications are the truth, the index beside the file says which of their lines stand where, and a digest of each block
of lines tells whether they still do. Every look compares the end of the file and a share of the rest with its digests, and
from time to time a share of the table's rows too; a file that anybody touched is compared as a whole at once. Nothing is
kept in memory but the block that grows.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from application import crash_points
from db.engine import connect
from db.errors import DatabaseUnavailable
from db.queries import NotificationRow
from settings import Settings
from telemetry.metrics import METRICS
from workers import audit_file, audit_index
from workers.audit_index import AuditIndex, Block
from workers.audit_rows import AuditRows
from workers.heartbeat import Heartbeat
from workers.process import run

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
PAGE = 1000
PAGES_A_STEP = 10
"""A step ends after so many, so that the process shows signs of life while it catches up."""
BLOCKS_A_LOOK = 5
"""Blocks of the file compared with their digests at every look, the last one besides: 12,500 lines a second."""
BLOCKS_A_STEP = 400
"""The same in one step while the whole file is suspected."""
REPAIRS_A_STEP = 40
ROWS_EVERY = 5
"""Every so many looks the rows of one block are read again: 500 rows a second."""
GAPS_A_LOOK = 25
"""Gaps of the numbers looked at again at every look: the newest, and as many of the others in turn."""

_Stat = tuple[int, ...]


@dataclass(slots=True)
class AuditProjection:
    engine: Engine
    path: Path
    half_way: Callable[[], None] = lambda: None
    busy: bool = False
    """There is more to do at once."""
    _rows: AuditRows = field(init=False)
    _opened: AuditIndex | None = None
    _left: _Stat | None = None
    """The file's identity, size and times as it was left; None: not known."""
    _suspect: int | None = 1
    """The block from which on the file must be compared; None: the whole file was."""
    _once_more: bool = False
    """The file was touched while it was compared."""
    _repaired: int = 0
    _emptied: bool = False
    """The table no longer holds what the file was written from."""
    _look: int = 0
    _next_block: int = 1
    _next_rows: int = 1
    _next_gap: int = 0

    def __post_init__(self) -> None:
        self._rows = AuditRows(self.engine, self._leave_out)

    def step(self) -> int:
        """Bring the file up to date; how many lines were added. Raises DatabaseUnavailable or OSError.

        FileNotFoundError: it was deleted meanwhile. The next step writes it anew.
        """
        self.busy = False
        try:
            if self._index.changed_by_another():
                self._left = None
            if not self._as_left() and not self._compare():
                return 0
            added = self._append_news()
            if self._emptied and self._compare():
                added += self._append_news()
            return added
        except sqlite3.DatabaseError as error:
            self._index_failed(error)
            return 0

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _index(self) -> AuditIndex:
        if self._opened is None:
            self._opened = AuditIndex(self.path.with_suffix(".index"))
        return self._opened

    # Looking.

    def _as_left(self) -> bool:
        """Whether file and table are as they were left, as far as one look can tell."""
        self._look += 1
        now = self._stat()
        untouched = now is not None and now == self._left
        if not untouched or (self._suspect is None and not self._blocks_are_whole()):
            self._compare_all(now)
        if self._look % ROWS_EVERY == 1 and not self._rows_are_the_same():
            self._emptied = True
        return self._suspect is None and not self._emptied and now is not None and now[3] == self._index.length

    def _compare_all(self, now: _Stat | None) -> None:
        """From the beginning; where that is under way, once more after it: else one who keeps writing would hold it up."""
        if self._suspect is None or now is None or now[3] < self._index.length:
            self._suspect = 1
        else:
            self._once_more = True

    def _stat(self) -> _Stat | None:
        try:
            now = self.path.lstat()
        except FileNotFoundError:
            return None
        return now.st_mode, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns

    def _blocks_are_whole(self) -> bool:
        """Compare the last block and the next few: times tell nothing of a change at the moment they were noted."""
        blocks = self._index.blocks(self._next_block, BLOCKS_A_LOOK)
        self._next_block = blocks[-1].number + 1 if len(blocks) == BLOCKS_A_LOOK else 1
        last = self._index.last_block()
        if last is None:
            return True
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            return all(_holds(descriptor, block) for block in (*blocks, last))
        finally:
            os.close(descriptor)

    def _rows_are_the_same(self) -> bool:
        """Compare the table's rows of one block with what was written of them."""
        block = next(iter(self._index.blocks(self._next_rows, 1)), None)
        self._next_rows = 1 if block is None else block.number + 1
        return block is None or self._data_of(block) is not None

    def _data_of(self, block: Block) -> bytes | None:
        """What the block must hold, from its rows; None where the table does not hold them any more."""
        rows = {row.seq: row for row in self._rows.at(block.seqs)}
        if len(rows) != len(block.seqs):
            return None
        data = b"".join(audit_file.line(rows[seq]) for seq in block.seqs)
        return data if audit_index.digest(data) == block.digest else None

    # Repairing.

    def _compare(self) -> bool:
        """Repair what is found, at most so much at a time; whether lines may be added now."""
        if self._emptied:
            log.warning("the notifications are not those that %s was written from; it is written anew", self.path)
            METRICS.count("audit_repairs", ("anew",))
            self._index.clear()
            self._emptied, self._suspect = False, 1
        before = self._stat()
        descriptor = audit_file.open_for_repair(self.path)
        try:
            written = self._repair_blocks(descriptor)
            written |= self._take_over(descriptor)
            if written:
                os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        # Untouched by us, it counts as it was before it was read: who changes it meanwhile changes its times.
        self._left = self._stat() if written or before is None else before
        self.busy = self._suspect is not None or self._emptied or size != self._index.length
        return size == self._index.length and not self._emptied

    def _repair_blocks(self, descriptor: int) -> bool:
        """Go on with the comparison of the whole file; whether anything was written."""
        repairs = 0
        end = None
        for block in self._index.blocks(self._suspect or 1, BLOCKS_A_STEP):
            if end not in (None, block.start) or (block.number == 1 and block.start):
                raise sqlite3.DatabaseError("its blocks do not follow each other")
            end = block.start + block.length
            if not _holds(descriptor, block):
                if repairs == REPAIRS_A_STEP:
                    break
                data = self._data_of(block)
                if data is None:
                    self._emptied = True
                    break
                if not self._repaired:
                    log.warning("%s is damaged from byte %d on; it is repaired", self.path, block.start)
                audit_file.write_at(descriptor, block.start, data)
                METRICS.count("audit_repairs", ("block",))
                repairs += 1
                self._repaired += 1
            self._suspect = block.number + 1
        if not self._emptied and not self._index.blocks(self._suspect or 1, 1):
            self._suspect, self._once_more = 1 if self._once_more else None, False
            if self._repaired:
                log.warning("%s is repaired: %d blocks of lines were written again", self.path, self._repaired)
                self._repaired = 0
        return repairs > 0

    def _take_over(self, descriptor: int) -> bool:
        """Of what stands beyond the last known block, keep the lines that come next and cut the rest; whether it was cut.

        They come from an append that was not noted any more, or from a file whose index was lost.
        """
        for _ in range(PAGES_A_STEP):
            surplus = os.fstat(descriptor).st_size - self._index.length
            if surplus <= 0:
                return False
            _, lines = self._writable(self._news())
            if self._emptied:
                return False
            start = position = self._index.length
            tail = os.pread(descriptor, sum(len(line) for _, line in lines), start)
            kept = []
            for seq, line in lines:
                if tail[position - start : position - start + len(line)] != line:
                    break
                position += len(line)
                kept.append((seq, line))
            self._index.add(kept)
            if len(kept) < len(lines) or not lines:
                surplus = os.fstat(descriptor).st_size - position
                log.warning("%s: its last %d bytes are not the lines that come next; they are cut", self.path, surplus)
                METRICS.count("audit_repairs", ("surplus",))
                os.ftruncate(descriptor, position)
                return True
        return False

    def _index_failed(self, error: sqlite3.DatabaseError) -> None:
        """Raises OSError where the index cannot be written now; one that is damaged is made anew."""
        self._left = None
        if audit_index.is_only_unavailable(error):
            raise OSError(f"its index: {error}") from error
        log.warning("the index of %s is damaged (%s); it is made anew", self.path, error)
        METRICS.count("audit_repairs", ("index",))
        self.close()
        audit_index.delete(self.path.with_suffix(".index"))
        self._suspect, self.busy = 1, True

    # Adding.

    def _append_news(self) -> int:
        added = 0
        for _ in range(PAGES_A_STEP):
            news = self._news()
            if not news:
                return added
            rows, lines = self._writable(news)
            if rows:
                audit_file.append(self.path, rows, self.half_way)
                self._index.add(lines)
                added += len(rows)
            self._left = self._stat()
            if self._left is None or self._left[3] != self._index.length:
                self._left = None  # somebody else wrote to it at the same moment
                break
            if len(news) < PAGE:
                return added
        self.busy = True
        return added

    def _news(self) -> list[NotificationRow]:
        """Rows that no line tells of: those committed late, then those beyond the head. None of them where the newest row
        that a line tells of is not there any more, or another one: the table was emptied since."""
        newest, head = self._index.newest, self._index.head
        gaps = self._index.newest_gaps(GAPS_A_LOOK)
        if len(gaps) >= GAPS_A_LOOK:
            others, self._next_gap = self._index.gaps_above(self._next_gap, GAPS_A_LOOK)
            gaps = list({*gaps, *others})
        if newest is not None and newest.seq == head:  # as always, unless rows behind it were left out
            rows = self._rows.starting_at(head, PAGE + 1)
            first, rows = rows[:1], rows[1:]
        else:
            rows = self._rows.starting_at(head + 1, PAGE)
            first = self._rows.at([newest.seq]) if newest is not None else []
        if newest is not None and not any(newest.is_of(row.seq, audit_file.line(row)) for row in first):
            self._emptied = True
            return []
        return self._rows.within(gaps, PAGE) + rows

    def _writable(self, rows: Sequence[NotificationRow]) -> tuple[list[NotificationRow], list[tuple[int, bytes]]]:
        writable, lines = [], []
        for row in rows:
            try:
                lines.append((row.seq, audit_file.line(row)))
                writable.append(row)
            except Exception as error:
                self._leave_out(row.seq, error)
        return writable, lines

    def _leave_out(self, seq: int, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:500]
        log.error("the notification with seq %d cannot be written to %s and is left out: %s", seq, self.path, reason)
        METRICS.count("audit_left_out")
        self._index.leave_out(seq, reason)


def _holds(descriptor: int, block: Block) -> bool:
    return audit_index.digest(os.pread(descriptor, block.length, block.start)) == block.digest


def main(settings: Settings, stop: threading.Event) -> None:
    engine = connect(settings.worker_url)
    heart = Heartbeat(settings, "audit")
    points = crash_points.of_this_process(settings)
    projection = AuditProjection(engine, settings.audit_file, lambda: points.reached("audit.half_appended"))
    try:
        while not stop.is_set():
            pause_s = LOOK_EVERY_S
            try:
                projection.step()
                heart.beat(True)
                if projection.busy:
                    pause_s = 0.0
            except DatabaseUnavailable as error:
                log.warning("waiting for the database: %s", error)
                heart.beat(False)
                pause_s = 0.5
            except FileNotFoundError:
                log.warning("the audit file was deleted; it is written anew")
            except OSError as error:
                log.error("the audit file cannot be written: %s", error)
                pause_s = 1.0
            except Exception:
                log.exception("the audit file could not be brought up to date; it is tried again")
                pause_s = 1.0
            stop.wait(pause_s)
    finally:
        projection.close()
        engine.dispose()


if __name__ == "__main__":
    run("audit", main)
