"""Provide an audit file with its table, and the kinds of damage that can be done to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, insert

from db import notification_queries
from db.engine import READ, connect
from db.tables import metadata, notification
from tests.builders import AT
from workers import audit_file
from workers.audit_projection import AuditProjection


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
