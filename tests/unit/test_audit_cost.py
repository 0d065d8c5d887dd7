"""Test that the cost of a start of the audit worker does not grow with its table."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from db import notification_queries
from tests.unit.audited import Audited


def test_neither_the_cost_of_a_start_nor_the_memory_grows_with_the_table(tmp_path: Path) -> None:
    costs = {rows: _measure_start(tmp_path / str(rows), rows) for rows in (500, 4_000)}
    (few_statements, few_rows, few_bytes), (statements, rows, peak) = costs[500], costs[4_000]
    assert (statements, rows) == (few_statements, few_rows)
    assert peak < 1.3 * few_bytes + 300_000


def _measure_start(folder: Path, rows: int) -> tuple[int, int, int]:
    """Return how many statements and rows the first step of a new process reads, and its peak of memory in bytes, which
    includes a repair of the whole file."""
    folder.mkdir()
    audited = Audited(folder)
    audited.add(rows)
    while audited.projection.step():
        pass
    assert audited.path.read_bytes().count(b"\n") == rows
    audited.restart()
    statements: list[str] = []
    event.listen(audited.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    fetched = 0
    read = notification_queries.NotificationRow

    class Counted(read):  # type: ignore[misc, valid-type]
        def __init__(self, *values: Any) -> None:
            nonlocal fetched
            fetched += 1
            super().__init__(*values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notification_queries, "NotificationRow", Counted)
        audited.projection.step()
    needed = len(statements), fetched
    tracemalloc.start()
    try:
        audited.path.write_bytes(b"")
        while audited.path.stat().st_size < 100 * rows or audited.projection.busy:
            audited.projection.step()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert audited.is_complete()
    audited.close()
    return *needed, peak
