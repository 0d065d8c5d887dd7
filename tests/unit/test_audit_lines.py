"""Test which notifications become lines of the audit file, and which are left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from db.notification_queries import NotificationRow
from tests.builders import AT
from workers.audit_lines import AuditLines
from workers.policy import MAX_DEATHS
from workers.rows_in_work import RowsInWork


def row(seq: int) -> NotificationRow:
    return NotificationRow(seq, f"e-{seq}", "c-1", 1, "T", {"n": seq}, "r-1", "n", AT, AT)


class Left:
    def __init__(self) -> None:
        self.out: dict[int, str] = {}

    def __call__(self, seq: int, error: Exception) -> None:
        self.out[seq] = str(error)


def test_each_row_has_its_line_and_its_seq() -> None:
    left = Left()
    writable, lines = AuditLines(None, left).build([row(1), row(2)])
    assert [entry.seq for entry in writable] == [1, 2]
    assert [(seq, json.loads(line)["eventId"]) for seq, line in lines] == [(1, "e-1"), (2, "e-2")]
    assert left.out == {}


def test_a_row_that_json_cannot_represent_is_left_out_and_the_others_are_written() -> None:
    left = Left()
    writable, lines = AuditLines(None, left).build([row(1), replace(row(2), payload={"x": object()}), row(3)])
    assert [entry.seq for entry in writable] == [seq for seq, _ in lines] == [1, 3]
    assert left.out.keys() == {2}


@pytest.mark.parametrize(("deaths", "written"), [(MAX_DEATHS - 1, [1, 2, 3]), (MAX_DEATHS, [1, 3])])
def test_a_row_that_ended_too_many_processes_is_left_out(tmp_path: Path, deaths: int, written: list[int]) -> None:
    path = tmp_path / "audit"
    path.with_suffix(".deaths").write_text(json.dumps({"2": deaths}))
    left, work = Left(), RowsInWork(path)
    _, lines = AuditLines(work, left).build([row(1), row(2), row(3)])
    work.close()
    assert [seq for seq, _ in lines] == written
    assert (f"{MAX_DEATHS} times" in left.out.get(2, "")) is (2 not in written)


def test_rows_are_recorded_as_in_work_until_all_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = RowsInWork(tmp_path / "audit")
    recorded: list[str] = []
    monkeypatch.setattr(work, "enter", lambda first, last=0: recorded.append(f"{first}-{last}"))
    monkeypatch.setattr(work, "leave", lambda done: recorded.append(f"done {done}"))
    AuditLines(work, Left()).build([row(4), row(5)])
    work.close()
    assert recorded == ["4-5", "done 5"]
