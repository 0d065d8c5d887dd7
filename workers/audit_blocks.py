"""Compare blocks of the audit file with their digests, and with the notifications that they were written from."""

from __future__ import annotations

import os
from pathlib import Path

from workers import audit_file, audit_index
from workers.audit_index import AuditIndex, Block
from workers.audit_rows import AuditRows

BLOCKS_PER_CHECK = 5
"""Blocks of the file that each check compares with their digests, besides the last one: 12,500 lines per second."""


class BlockChecks:
    """Checks a few blocks at each call, and all of them in turn."""

    def __init__(self, path: Path, rows: AuditRows) -> None:
        self._path = path
        self._rows = rows
        self.next_block = 1
        self._next_rows = 1

    def next_are_intact(self, index: AuditIndex) -> bool:
        """Compare the last block and the next few with their digests. Raise OSError when the file cannot be read.

        The file's times do not suffice: they miss a change at the moment when they were read.
        """
        blocks = index.blocks(self.next_block, BLOCKS_PER_CHECK)
        self.next_block = blocks[-1].number + 1 if len(blocks) == BLOCKS_PER_CHECK else 1
        last = index.last_block()
        if last is None:
            return True
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            return all(is_intact(descriptor, block) for block in (*blocks, last))
        finally:
            os.close(descriptor)

    def next_rows_are_unchanged(self, index: AuditIndex) -> bool:
        """Compare the table's rows of the next block with the lines that were written from them."""
        block = next(iter(index.blocks(self._next_rows, 1)), None)
        self._next_rows = 1 if block is None else block.number + 1
        return block is None or self.read_data(block) is not None

    def read_data(self, block: Block) -> bytes | None:
        """Return the bytes that the block must have, made from its rows; None when the table no longer has these rows."""
        rows = {row.seq: row for row in self._rows.at(block.seqs)}
        if len(rows) != len(block.seqs):
            return None
        data = b"".join(audit_file.line(rows[seq]) for seq in block.seqs)
        return data if audit_index.digest(data) == block.digest else None


def is_intact(descriptor: int, block: Block) -> bool:
    """Return whether the file has the bytes of a block unchanged."""
    return audit_index.digest(os.pread(descriptor, block.length, block.start)) == block.digest
