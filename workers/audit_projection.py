"""Keep `data/events.jsonl` equal to the notifications, even when the file or its index is damaged.

The notifications are the truth. The index beside the file says which of their lines stand where, with a digest of each block
of lines. Every check compares the end of the file and a share of the rest with the digests, and now and then a share of the
table's rows too. A file that another process touched is compared completely. Only the growing block is kept in memory.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from db.errors import DatabaseUnavailable
from db.notification_queries import NotificationRow
from telemetry.metrics import METRICS
from workers import audit_file, audit_index, audit_rows, policy
from workers.audit_blocks import BlockChecks, is_intact
from workers.audit_index import AuditIndex
from workers.audit_lines import AuditLines
from workers.audit_rows import AuditRows, NewRows
from workers.rows_in_work import RowsInWork

log = logging.getLogger(__name__)

PAGES_PER_STEP = 10
"""Pages of rows that one step writes at most, so that the heartbeat does not stop while the process catches up."""
UNEXPECTED_STEPS = 3
"""Steps that may fail in a row for an unknown reason before the index is built again."""
BLOCKS_PER_STEP = 400
"""Blocks that one step compares while the whole file is suspected to be damaged."""
REPAIRS_PER_STEP = 40
CHECKS_PER_ROW_CHECK = 5
"""Every fifth check also reads the table's rows of one block again: 500 rows per second."""


@dataclass(slots=True)
class AuditProjection:
    engine: Engine
    path: Path
    half_way: Callable[[], None] = lambda: None
    index_path: Path | None = None
    """The index of the file; None: next to the file."""
    work: RowsInWork | None = None
    """Where the rows in work are recorded for the next process; None: no row is blamed for the end of a process."""
    busy: bool = False
    """Whether the next step has work to do immediately."""
    _rows: AuditRows = field(init=False)
    _new_rows: NewRows = field(init=False)
    _lines: AuditLines = field(init=False)
    _blocks: BlockChecks = field(init=False)
    _opened: AuditIndex | None = None
    _left: audit_file.State | None = None
    """The file's identity, size and times after the last step; None: not known."""
    _suspect: int | None = 1
    """The first block that must still be compared; None: the whole file was compared."""
    _compare_again: bool = False
    """Whether the file was touched while it was being compared."""
    _unexpected: int = 0
    """Steps in a row that failed for an unknown reason."""
    _repaired: int = 0
    _is_ours: bool = False
    """Whether this program wrote the file, as far as its index or its lines tell."""
    _emptied: bool = False
    """Whether the table no longer has the rows that the file was written from."""
    _check: int = 0

    def __post_init__(self) -> None:
        self._rows = AuditRows(self.engine, self._leave_out)
        self._new_rows = NewRows(self._rows)
        self._lines = AuditLines(self.work, self._leave_out)
        self._blocks = BlockChecks(self.path, self._rows)

    def step(self) -> int:
        """Bring the file up to date and return how many lines were added. Raise DatabaseUnavailable or OSError.

        FileNotFoundError means that the file was deleted during the step; the next step writes all of it again.
        """
        self.busy = False
        try:
            if self._index.changed_by_another():
                self._left = None
            if not self._as_left() and not self._compare():
                return 0
            added = self._append_new_rows()
            if self._emptied and self._compare():
                added += self._append_new_rows()
            self._unexpected = 0
            return added
        except sqlite3.DatabaseError as error:
            self._recover_index(error)
            return 0
        except (DatabaseUnavailable, OSError):
            raise
        except Exception as error:
            # The index is the only thing that is kept between steps, so its contents are the likely reason.
            self._unexpected += 1
            if self._unexpected >= UNEXPECTED_STEPS:
                self._unexpected = 0
                self._recover_index(sqlite3.DatabaseError(policy.describe(error)))
            raise

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _index_path(self) -> Path:
        return self.index_path or self.path.with_suffix(".index")

    @property
    def _index(self) -> AuditIndex:
        if self._opened is None:
            self._opened = AuditIndex(self._index_path)
        return self._opened

    # Check the file and the table.

    def _as_left(self) -> bool:
        """Return whether one check finds file and table as the last step left them."""
        self._check += 1
        state = audit_file.read_state(self.path)
        untouched = state is not None and state == self._left
        if not untouched or (self._suspect is None and not self._blocks.next_are_intact(self._index)):
            self._suspect_all(state)
        if self._check % CHECKS_PER_ROW_CHECK == 1 and not self._blocks.next_rows_are_unchanged(self._index):
            self._emptied = True
        return self._suspect is None and not self._emptied and state is not None and state.size == self._index.length

    def _suspect_all(self, state: audit_file.State | None) -> None:
        """Let the whole file be compared. A running comparison is finished first: else constant writes would restart it forever."""
        if self._suspect is None or state is None or state.size < self._index.length:
            self._suspect = 1
        else:
            self._compare_again = True

    # Repair the file.

    def _compare(self) -> bool:
        """Repair damaged blocks, up to the limits of one step. Return whether lines may be added now."""
        if self._emptied:
            log.warning(
                "the notifications are not those that %s was written from: the whole file is written again", self.path
            )
            METRICS.count("audit_repairs", ("anew",))
            self._is_ours = True
            self._index.clear()
            self._emptied, self._suspect = False, 1
        before = audit_file.read_state(self.path)
        descriptor = audit_file.open_for_repair(self.path)
        try:
            written = self._repair_blocks(descriptor)
            written |= self._adopt_tail(descriptor)
            if written:
                os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        # When nothing was written, the file counts as it was before it was read: then a change made meanwhile shows in its times.
        self._left = audit_file.read_state(self.path) if written or before is None else before
        self.busy = self._suspect is not None or self._emptied or size != self._index.length
        return size == self._index.length and not self._emptied

    def _repair_blocks(self, descriptor: int) -> bool:
        """Continue the comparison of the whole file. Return whether anything was written."""
        repairs = 0
        end = None
        for block in self._index.blocks(self._suspect or 1, BLOCKS_PER_STEP):
            if end not in (None, block.start) or (block.number == 1 and block.start):
                raise sqlite3.DatabaseError("its blocks are not contiguous")
            end = block.start + block.length
            if not is_intact(descriptor, block):
                if repairs == REPAIRS_PER_STEP:
                    break
                data = self._blocks.read_data(block)
                if data is None:
                    self._emptied = True
                    break
                if not self._repaired:
                    log.warning("%s is damaged at byte %d; repairing it", self.path, block.start)
                audit_file.write_at(descriptor, block.start, data)
                METRICS.count("audit_repairs", ("block",))
                repairs += 1
                self._repaired += 1
            self._suspect = block.number + 1
        if not self._emptied and not self._index.blocks(self._suspect or 1, 1):
            self._suspect, self._compare_again = 1 if self._compare_again else None, False
            if self._repaired:
                log.warning("%s is repaired: %d blocks of lines were rewritten", self.path, self._repaired)
                self._repaired = 0
        return repairs > 0

    def _adopt_tail(self, descriptor: int) -> bool:
        """Add the expected lines beyond the last known block to the index and cut the rest. Return whether bytes were cut.

        Such lines come from an append that ended before the index was written, or from a file whose index was lost.
        """
        for _ in range(PAGES_PER_STEP):
            surplus = os.fstat(descriptor).st_size - self._index.length
            if surplus <= 0:
                return False
            new_rows = self._read_new_rows()
            if new_rows is None:
                return False
            _, lines = self._lines.build(new_rows)
            start = position = self._index.length
            tail = os.pread(descriptor, sum(len(line) for _, line in lines), start)
            expected = []
            for seq, line in lines:
                if tail[position - start : position - start + len(line)] != line:
                    break
                position += len(line)
                expected.append((seq, line))
            self._index.add(expected)
            self._is_ours |= self._index.length > 0
            if len(expected) < len(lines) or not lines:
                if not self._is_ours:
                    audit_file.set_aside(self.path)
                    return False
                surplus = os.fstat(descriptor).st_size - position
                log.warning("%s: its last %d bytes are not the expected lines and are cut off", self.path, surplus)
                METRICS.count("audit_repairs", ("surplus",))
                os.ftruncate(descriptor, position)
                return True
        return False

    def _recover_index(self, error: sqlite3.DatabaseError) -> None:
        """Delete a damaged index, so that the next step builds it again. Raise OSError when it only cannot be written now."""
        self._left, self._is_ours = None, True
        if audit_index.is_only_unavailable(error):
            raise OSError(f"its index: {error}") from error
        log.warning("the index of %s is damaged (%s); building it again", self.path, error)
        METRICS.count("audit_repairs", ("index",))
        self.close()
        audit_index.delete(self._index_path)
        self._suspect, self.busy = 1, True

    # Add lines.

    def _append_new_rows(self) -> int:
        added = 0
        for _ in range(PAGES_PER_STEP):
            new_rows = self._read_new_rows()
            if not new_rows:
                return added
            rows, lines = self._lines.build(new_rows)
            if rows:
                self._is_ours = True
                audit_file.append(self.path, rows, self.half_way)
                self._index.add(lines)
                added += len(rows)
            self._left = audit_file.read_state(self.path)
            if self._left is None or self._left.size != self._index.length:
                self._left = None  # another process wrote to the file at the same moment
                break
            if len(new_rows) < audit_rows.PAGE:
                return added
        self.busy = True
        return added

    def _read_new_rows(self) -> list[NotificationRow] | None:
        """Return rows that have no line yet; None when the table was emptied, which is noted."""
        rows = self._new_rows.read(self._index)
        if rows is None:
            self._emptied = True
        return rows

    def _leave_out(self, seq: int, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:500]
        log.error("the notification with seq %d cannot be written to %s and is skipped: %s", seq, self.path, reason)
        METRICS.count("audit_left_out")
        self._index.leave_out(seq, reason)
