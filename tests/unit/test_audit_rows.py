"""Test that the audit file follows its table: late, deleted, unusual and unreadable rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import delete, text

from db import notification_queries
from db.tables import notification
from tests.unit.audited import Audited
from workers import audit_file, audit_index, audit_rows
from workers.audit_projection import CHECKS_PER_ROW_CHECK

SURROGATE = json.loads('"half a surrogate \\ud800"')


@pytest.mark.parametrize("step", [1, 700, 1_000_000])
def test_a_row_that_is_committed_late_is_written(audited: Audited, step: int) -> None:
    for number in range(2, 130):  # more gaps than one check reads
        audited.put(8 + number * step * 2)
    audited.steps()
    written = audited.seqs()
    audited.put(9 + step)
    audited.put(8 + 60 * step * 2 - 1)
    for _ in range(2 * 130 // audit_rows.GAPS_PER_CHECK):
        audited.projection.step()
    assert audited.is_complete()
    # Written lines keep their place; late rows follow in the order in which they were seen.
    assert audited.seqs()[: len(written)] == written
    assert sorted(audited.seqs()[len(written) :]) == [9 + step, 8 + 60 * step * 2 - 1]
    complete = audited.path.read_bytes()
    audited.path.unlink()
    audited.steps()
    assert audited.path.read_bytes() == complete  # a repair keeps the order, too
    audited.projection.close()
    audit_index.delete(audited.path.with_suffix(".index"))
    audited.restart()
    audited.steps()
    assert audited.seqs() == sorted(audited.seqs())  # a file written from the beginning is ascending
    assert audited.is_complete()


def test_an_emptied_table_is_detected_even_when_it_has_new_rows(audited: Audited) -> None:
    audited.reset()
    audited.add(20)
    audited.projection.step()
    assert audited.is_complete()
    audited.reset()
    audited.projection.step()
    assert audited.path.read_bytes() == b""


def test_rows_deleted_below_the_newest_are_detected(audited: Audited) -> None:
    with audited.engine.begin() as connection:
        connection.execute(delete(notification).where(notification.c.seq == 4))
    audited.steps(CHECKS_PER_ROW_CHECK + 1)
    assert audited.is_complete()


@pytest.mark.parametrize(
    ("payload", "written"),
    [
        ({"note": SURROGATE}, {"note": SURROGATE}),
        ({SURROGATE: [SURROGATE]}, {SURROGATE: [SURROGATE]}),
        ({"x": [float("nan"), float("-inf")]}, {"x": ["NaN", "-Infinity"]}),
        ({"x": "a\nb\0c\u2028"}, {"x": "a\nb\0c\u2028"}),
        ([], []),
    ],
)
def test_every_payload_is_written_as_json(audited: Audited, payload: Any, written: Any) -> None:
    audited.put(9, payload=payload)
    audited.add(2)
    audited.steps()
    assert audited.seqs() == list(range(1, 12))

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    line = audited.path.read_bytes().splitlines()[8]
    assert json.loads(line.decode("utf-8"), parse_constant=refuse)["payload"] == written


def test_a_row_that_cannot_be_read_is_logged_and_skipped(audited: Audited, caplog: pytest.LogCaptureFixture) -> None:
    audited.add(4)
    with audited.engine.begin() as connection:
        connection.execute(text("UPDATE notification SET payload = '{no json' WHERE seq = 10"))
    audited.steps()
    assert audited.seqs() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    assert sum("seq 10 " in message for message in caplog.messages) == 1
    with audited.engine.begin() as connection:
        connection.execute(text("UPDATE notification SET payload = '{}' WHERE seq = 10"))
    audited.restart()  # tried again by the next process
    audited.steps()
    assert audited.is_complete()


def test_a_row_that_cannot_be_a_line_is_logged_and_skipped(
    audited: Audited, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = audit_file.line

    def fails(row: notification_queries.NotificationRow) -> bytes:
        if row.seq == 10:
            raise RecursionError("too deep")
        return line(row)

    monkeypatch.setattr(audit_file, "line", fails)
    audited.add(4)
    audited.steps()
    assert audited.seqs() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    assert sum("seq 10 " in message for message in caplog.messages) == 1
