"""Test that the audit file recovers from any damage to itself, its index or the table: after a bounded number of steps it has
each notification's line exactly once, byte for byte."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, insert, text

from db import notification_queries
from db.engine import READ, connect
from db.tables import metadata, notification
from tests.builders import AT
from workers import audit_blocks, audit_file, audit_index, audit_projection, audit_rows
from workers.audit_projection import CHECKS_PER_ROW_CHECK, UNEXPECTED_STEPS, AuditProjection

SURROGATE = json.loads('"half a surrogate \\ud800"')


class Audited:
    def __init__(self, folder: Path) -> None:
        self.engine: Engine = connect(f"sqlite:///{folder / 'a.db'}")
        metadata.create_all(self.engine)
        self.path = folder / "events.jsonl"
        self.projection = AuditProjection(self.engine, self.path)
        self.head = 0
        self.generation = 0

    def close(self) -> None:
        self.projection.close()
        self.engine.dispose()

    def put(self, *seqs: int, payload: Any = None) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(notification), [self._row(seq, payload) for seq in seqs])
        self.head = max(self.head, *seqs)

    def add(self, count: int) -> None:
        self.put(*range(self.head + 1, self.head + 1 + count))

    def restart(self) -> None:
        self.projection.close()
        self.projection = AuditProjection(self.engine, self.path)

    def reset(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(notification))
        self.head = 0
        self.generation += 1

    def rows(self) -> list[notification_queries.NotificationRow]:
        with self.engine.connect().execution_options(**READ) as connection:
            return notification_queries.notifications_after(connection, 0, 1_000_000)

    def steps(self, limit: int = 5) -> None:
        for _ in range(limit):
            self.projection.step()

    def is_complete(self) -> bool:
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.is_file() else []
        return sorted(lines) == sorted(audit_file.line(row) for row in self.rows())

    def seqs(self) -> list[int]:
        return [json.loads(line)["seq"] for line in self.path.read_bytes().splitlines()]

    def _row(self, seq: int, payload: Any) -> dict[str, Any]:
        return {
            "seq": seq,
            "event_id": f"e{seq}-{self.generation}",
            "commission_id": "c",
            "aggregate_version": 1,
            "type": "CommissionCalculated",
            "payload": {"amount": "12.05", "text": "ñ" * (seq % 7)} if payload is None else payload,
            "correlation_id": "run",
            "consumer": "n",
            "occurred_at": AT,
            "notified_at": AT + timedelta(seconds=seq % 1000),
        }


@pytest.fixture
def audited(tmp_path: Path) -> Iterator[Audited]:
    audit = Audited(tmp_path)
    audit.add(8)
    audit.projection.step()
    assert audit.is_complete()
    yield audit
    audit.close()


def in_place(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a file and keep its size, inode and times."""
    before = path.read_bytes()
    after = change(before)
    assert (len(after), after != before) == (len(before), True)
    times = path.stat()
    with path.open("r+b") as file:
        file.write(after)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "forged amounts": lambda data: data.replace(b'"amount":"12.05"', b'"amount":"99.99"'),
    "a forged event id": lambda data: data.replace(b'"e3-', b'"x3-'),
    "a line destroyed": lambda data: data[:10] + b"XXXX" + data[14:],
    "the last byte": lambda data: data[:-1] + b" ",
    "lines swapped": lambda data: b"".join(data.splitlines(keepends=True)[::-1]),
}


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_in_place_is_repaired_by_the_next_step(audited: Audited, what: str, running: bool) -> None:
    in_place(audited.path, CHANGES[what])
    if not running:
        audited.restart()
    audited.projection.step()
    assert audited.is_complete()
    assert audited.seqs() == list(range(1, 9))


def test_an_old_change_in_place_is_repaired_although_the_times_are_unchanged(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_index, "LINES_PER_BLOCK", 10)
    audited.add(2000)
    audited.steps()
    assert audited.is_complete()
    in_place(audited.path, CHANGES["forged amounts"])
    monkeypatch.setattr(audited.projection, "_left", audit_file.read_state(audited.path))  # as if nobody had touched it
    audited.projection._blocks.next_block = 50
    checks = 0
    while not audited.is_complete():
        audited.projection.step()
        checks += 1
    assert checks <= 2000 / audit_index.LINES_PER_BLOCK / audit_blocks.BLOCKS_PER_CHECK + 2


def rewrite_lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return act


def _random(path: Path) -> None:
    path.unlink()
    path.write_bytes(os.urandom(3000))


def _link(path: Path) -> None:
    path.unlink()
    other = path.with_name("precious")
    other.write_text("not ours\n")
    path.symlink_to(other)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "deleted": Path.unlink,
    "emptied": lambda path: os.truncate(path, 0),
    "torn": lambda path: os.truncate(path, path.stat().st_size - 20),
    "cut in the middle": lambda path: os.truncate(path, path.stat().st_size // 2),
    "doubled": rewrite_lines(lambda lines: lines * 2),
    "a line doubled": rewrite_lines(lambda lines: [lines[2], *lines]),
    "a line missing": rewrite_lines(lambda lines: lines[1:]),
    "foreign lines": rewrite_lines(lambda lines: [*lines, b'{"seq":999,"eventId":"x"}\n']),
    "foreign from the beginning": rewrite_lines(lambda lines: [b"garbage\n", *lines]),
    "grown by zeros": lambda path: os.truncate(path, path.stat().st_size + 5000),
    "another file": _random,
    "a link": _link,
    "a pipe": _pipe,
}


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("what", DAMAGES)
def test_damage_of_any_kind_is_repaired(audited: Audited, what: str, running: bool) -> None:
    DAMAGES[what](audited.path)
    if not running:
        audited.restart()
    audited.add(2)
    audited.steps(3)
    assert audited.is_complete()
    assert audited.path.is_file()
    assert not audited.path.is_symlink()
    precious = audited.path.with_name("precious")
    assert not precious.exists() or precious.read_text() == "not ours\n"


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


@pytest.mark.parametrize("damage", ["deleted", "garbage", "another database", "blocks that overlap"])
def test_a_lost_index_costs_nothing_but_time(audited: Audited, damage: str) -> None:
    index = audited.path.with_suffix(".index")
    before = audited.path.stat()
    audited.projection.close()
    if damage == "deleted":
        audit_index.delete(index)
    elif damage == "garbage":
        index.write_bytes(os.urandom(20_000))
    else:
        with sqlite3.connect(index) as db:
            if damage == "another database":
                db.execute("DROP TABLE block")
                db.execute("CREATE TABLE block (something)")
            else:
                db.execute("UPDATE block SET start = start + 1")
        db.close()
    audited.restart()
    audited.steps()
    assert audited.is_complete()
    after = audited.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )  # the file was complete, so nothing was written
    audited.add(3)
    audited.steps()
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


Operation = tuple[str, int]
OPERATIONS = st.tuples(
    st.sampled_from(["append", "skip", "late", "change", "damage", "restart", "reset", "index", "step"]),
    st.integers(0, 2**16),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(OPERATIONS, max_size=14))
@example([("append", 9), ("step", 0), ("reset", 0), ("append", 9), ("damage", 3)])
@example([("append", 5), ("skip", 50), ("append", 3), ("step", 0), ("late", 7), ("damage", 1), ("late", 3)])
def test_after_any_history_the_file_is_complete(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, history: list[Operation]
) -> None:
    for module, name, value in (
        (audit_index, "LINES_PER_BLOCK", 3),
        (audit_projection, "BLOCKS_PER_STEP", 4),
        (audit_blocks, "BLOCKS_PER_CHECK", 2),
        (audit_projection, "REPAIRS_PER_STEP", 2),
        (audit_rows, "PAGE", 5),
        (audit_projection, "PAGES_PER_STEP", 2),
        (audit_rows, "GAPS_PER_CHECK", 2),
    ):
        monkeypatch.setattr(module, name, value)
    folder = tmp_path_factory.mktemp("history")
    audited = Audited(folder)
    try:
        for operation in history:
            _apply(audited, *operation)
        rows = len(audited.rows())
        for _ in range(30 + 8 * rows):
            audited.projection.step()
            if audited.is_complete():
                break
        assert audited.is_complete()
        audited.steps(3)
        assert audited.is_complete()
    finally:
        audited.close()


def _apply(audited: Audited, operation: str, number: int) -> None:
    path, chance = audited.path, random.Random(number)
    match operation:
        case "append":
            audited.add(number % 12 + 1)
        case "skip":
            audited.head += number % 300 + 1
        case "late":
            known = {row.seq for row in audited.rows()}
            if free := sorted(set(range(1, audited.head)) - known):
                audited.put(chance.choice(free))
        case "change" if path.is_file() and path.stat().st_size:
            place = number % path.stat().st_size
            in_place(path, lambda data: bytes(data[:place]) + bytes([data[place] ^ 1]) + data[place + 1 :])
        case "damage" if path.is_file() and len(path.read_bytes().splitlines()) > 2:
            DAMAGES[chance.choice(sorted(DAMAGES.keys() - {"a link"}))](path)
        case "restart":
            audited.restart()
        case "reset":
            audited.reset()
        case "index":
            audited.projection.close()
            audited.path.with_suffix(".index").write_bytes(b"" if number % 2 else os.urandom(5000))
            audited.restart()
        case "step":
            audited.steps(number % 3 + 1)


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


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE block SET runs = 'garbage'",
        "UPDATE block SET runs = '[[1,\"x\"]]'",
        "UPDATE block SET runs = '[[1,1000000000000]]'",
        "UPDATE block SET runs = NULL",
        "UPDATE block SET length = 9000000000000000000",
        "UPDATE block SET length = 'long'",
        "UPDATE block SET start = -5",
        "UPDATE block SET digest = 'text'",
        "UPDATE block SET number = number + 7",
        "UPDATE covered SET high = 'x'",
        "UPDATE covered SET high = high + 100",
        "UPDATE newest SET seq = 'x'",
        "UPDATE newest SET digest = 5",
        "DELETE FROM covered",
    ],
)
@pytest.mark.parametrize("restarted", [True, False])
def test_any_value_in_the_index_may_be_damaged(audited: Audited, change: str, restarted: bool) -> None:
    audited.add(5)
    audited.steps()
    with sqlite3.connect(audited.path.with_suffix(".index")) as index:
        index.execute("PRAGMA ignore_check_constraints = ON")
        try:
            index.execute(change)
        except sqlite3.IntegrityError:
            pytest.skip("the table refuses this value")
    index.close()
    if restarted:
        audited.restart()
    audited.add(3)
    for _ in range(5 * UNEXPECTED_STEPS):
        try:
            audited.projection.step()
        except Exception:
            continue
    assert audited.is_complete()
