"""Test that the audit process keeps the audit file equal to the notifications."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete

from db.engine import connect
from db.migrate import upgrade
from db.notification_queries import NotificationRow
from db.tables import notification
from tests.builders import delivery, record
from tests.fakes import ListInlet, ListOutlet, Measurements
from workers import audit_file
from workers.audit_projection import AuditProjection
from workers.inbox import Inbox
from workers.notifications import NotificationsWorker
from workers.policy import MAX_DEATHS
from workers.rows_in_work import RowsInWork


class Audited:
    def __init__(self, folder: Path) -> None:
        self.engine: Engine = connect(f"sqlite:///{folder / 'a.db'}")
        upgrade(self.engine)
        self.path = folder / "events.jsonl"
        self.projection = AuditProjection(self.engine, self.path)
        self.expected: list[str] = []
        self._number = 0

    def notify(self, count: int) -> None:
        events = [record(self._number + index) for index in range(1, count + 1)]
        batch = [delivery(event, event.seq) for event in events]
        self._number += count
        inbox = Inbox(self.engine, "test")
        NotificationsWorker(inbox, ListInlet(batch), ListOutlet(), Measurements(), threading.Event()).step(0)
        inbox.close()
        self.expected += [event.id for event in events]

    def lines(self) -> list[str]:
        return audit_file.event_ids(self.path)


@pytest.fixture
def audited(tmp_path: Path) -> Iterator[Audited]:
    audit = Audited(tmp_path)
    audit.notify(3)
    audit.projection.step()
    assert audit.lines() == audit.expected
    yield audit
    audit.engine.dispose()


def test_only_new_lines_are_appended(audited: Audited) -> None:
    before = audited.path.read_bytes()
    audited.notify(2)
    assert audited.projection.step() == 2
    assert audited.path.read_bytes().startswith(before)
    assert audited.lines() == audited.expected
    assert audited.projection.step() == 0


@pytest.mark.parametrize("cut", [1, 40])
def test_an_incomplete_last_line_is_repaired(audited: Audited, cut: int) -> None:
    audited.path.write_bytes(audited.path.read_bytes()[:-cut])
    audited.notify(1)
    AuditProjection(audited.engine, audited.path).step()
    assert audited.lines() == audited.expected
    assert audited.path.read_bytes().endswith(b"\n")


def test_a_file_deleted_while_running_is_written_again(audited: Audited) -> None:
    audited.path.unlink()
    audited.projection.step()
    assert audited.lines() == audited.expected


def test_a_file_truncated_while_running_is_written_again(audited: Audited) -> None:
    audited.path.write_bytes(b"")
    audited.projection.step()
    assert audited.lines() == audited.expected


@pytest.mark.parametrize("moment", ["before the append", "half way through it"])
@pytest.mark.parametrize("damage", ["deleted", "cut", "emptied"])
def test_a_file_damaged_during_an_append_is_repaired(
    audited: Audited, moment: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage_file() -> None:
        if damage == "deleted":
            audited.path.unlink()
        else:
            os.truncate(audited.path, audited.path.stat().st_size // 2 if damage == "cut" else 0)

    projection, append = audited.projection, audit_file.append
    damages = iter([damage_file])

    def damage_then_append(*arguments: Any) -> int:
        next(damages, lambda: None)()
        return append(*arguments)

    if moment == "before the append":
        monkeypatch.setattr(audit_file, "append", damage_then_append)
    else:
        projection.half_way = lambda: next(damages, lambda: None)()
    audited.notify(2)
    with suppress(FileNotFoundError):
        projection.step()
    projection.step()
    assert sorted(audited.lines()) == sorted(audited.expected)
    assert b"\0" not in audited.path.read_bytes()


def test_a_line_missing_in_the_middle_is_added(audited: Audited) -> None:
    first, _, last = audited.path.read_bytes().splitlines(keepends=True)
    audited.path.write_bytes(first + last)
    audited.projection.step()
    assert sorted(audited.lines()) == sorted(audited.expected)


@pytest.mark.parametrize("foreign", [b"garbage\n", b'{"seq":999,"eventId":"x","correlationId":"y"}\n'])
def test_a_foreign_line_is_removed(audited: Audited, foreign: bytes) -> None:
    audited.path.write_bytes(foreign + audited.path.read_bytes())
    audited.projection.step()
    assert audited.lines() == audited.expected


def test_duplicate_lines_are_removed(audited: Audited) -> None:
    audited.path.write_bytes(audited.path.read_bytes() * 2)
    audited.projection.step()
    assert audited.lines() == audited.expected


def test_an_emptied_table_empties_the_file(audited: Audited) -> None:
    with audited.engine.begin() as connection:
        connection.execute(delete(notification))
    audited.projection.step()
    assert audited.lines() == []


def test_a_notification_committed_late_below_the_head_is_added(audited: Audited) -> None:
    with audited.engine.begin() as connection:
        row = connection.execute(notification.select().where(notification.c.seq == 2)).mappings().one()
        connection.execute(delete(notification).where(notification.c.seq == 2))
    fresh = AuditProjection(audited.engine, audited.path)
    fresh.step()
    assert len(audited.lines()) == 2
    with audited.engine.begin() as connection:
        connection.execute(notification.insert().values(**row))
    fresh.step()
    assert sorted(audited.lines()) == sorted(audited.expected)


class Died(BaseException):
    """The process has ended: nothing of this program runs any more."""


@pytest.mark.parametrize("fatal", [set(), {4}, {4, 5, 9}, {13}])
def test_a_row_that_ends_the_process_is_left_out_and_the_others_are_written(
    audited: Audited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fatal: set[int]
) -> None:
    line = audit_file.line

    def die_at_fatal_row(row: NotificationRow) -> bytes:
        if row.seq in fatal:
            raise Died
        return line(row)

    monkeypatch.setattr(audit_file, "line", die_at_fatal_row)
    audited.notify(10)
    deaths = 0
    while True:
        projection = AuditProjection(audited.engine, audited.path, work=RowsInWork(tmp_path / "work" / "audit"))
        try:
            projection.step()
            break
        except Died:
            deaths += 1
        finally:
            projection.close()
    assert sorted(audited.lines()) == sorted(
        event_id for number, event_id in enumerate(audited.expected, 1) if number not in fatal
    )
    assert len(fatal) * MAX_DEATHS <= deaths <= len(fatal) * (MAX_DEATHS + 1)


@pytest.mark.parametrize("rows", [0, 3])
def test_a_file_that_another_program_wrote_is_kept(tmp_path: Path, rows: int) -> None:
    foreign = b'{"seq":1,"eventId":"of another instance"}\nthesis\n'
    (tmp_path / "events.jsonl").write_bytes(foreign)
    audit = Audited(tmp_path)
    if rows:
        audit.notify(rows)
    for _ in range(3):
        audit.projection.step()
    assert audit.lines() == audit.expected
    assert [path.read_bytes() for path in tmp_path.glob("foreign-events-*.jsonl")] == [foreign]
    audit.projection.close()
    audit.engine.dispose()
