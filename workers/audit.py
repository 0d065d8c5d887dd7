"""The audit process: projects the notifications into `data/events.jsonl`, by what is missing there.

It keeps no position of its own: the file is compared with the table when it starts and whenever the file is not as it
left it. Between, it reads what is beyond the highest `seq`, and the gaps below it: two workers commit in either order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from application import crash_points
from db import queries
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from workers import audit_file
from workers.heartbeat import Heartbeat
from workers.process import run

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
GAP_LIVES_S = 120.0
"""A `seq` that no transaction brought within this time belongs to one rolled back (locks time out earlier)."""
PAGE = 1000


@dataclass(slots=True)
class AuditProjection:
    engine: Engine
    path: Path
    half_way: Callable[[], None] = lambda: None
    _head: int = 0
    _length: int = -1
    _inode: int = -1
    _gaps: dict[int, float] = field(default_factory=dict)

    def step(self) -> int:
        """Bring the file up to date; how many lines were added. Raises DatabaseUnavailable or OSError.

        FileNotFoundError: it was deleted meanwhile. The next step writes it anew.
        """
        if not self._as_left():
            self._compare()
        added = 0
        while rows := self._news():
            self._length += audit_file.append(self.path, rows, self.half_way)
            self._note([row.seq for row in rows])
            added += len(rows)
        return added

    def _as_left(self) -> bool:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        if (found.st_ino, found.st_size) != (self._inode, self._length):
            return False
        with translated(), self.engine.connect().execution_options(**READ) as connection:
            return queries.notification_head(connection) >= self._head  # lower: the tables were emptied

    def _news(self) -> list[queries.NotificationRow]:
        now = time.monotonic()
        self._gaps = {seq: until for seq, until in self._gaps.items() if until > now}
        with translated(), self.engine.connect().execution_options(**READ) as connection:
            late = queries.notifications_at(connection, list(self._gaps)[:PAGE]) if self._gaps else []
            return late + queries.notifications_after(connection, self._head, PAGE)

    def _note(self, seqs: list[int]) -> None:
        until = time.monotonic() + GAP_LIVES_S
        for seq in seqs:
            self._gaps.pop(seq, None)
            for skipped in range(max(self._head + 1, seq - PAGE), seq):
                self._gaps[skipped] = until
            self._head = max(self._head, seq)

    def _compare(self) -> None:
        """Make the file a whole and clean beginning of the table's contents; the rest follows as news."""
        found = audit_file.contents(self.path)
        stored = self._stored()
        if found.clean and found.seqs <= stored:
            self._length = found.whole_bytes
        else:
            log.warning("%s holds what the notifications do not; it is written anew", self.path)
            self.path.unlink(missing_ok=True)
            found = audit_file.Contents(frozenset(), 0, True)
            self._length = 0
        audit_file.begin(self.path, self._length)
        self._inode = self.path.stat().st_ino
        self._head = max(found.seqs, default=0)
        missing = sorted(seq for seq in stored - found.seqs if seq < self._head)
        if missing:
            log.warning("%s lacked %d lines; they are added", self.path, len(missing))
        until = time.monotonic() + GAP_LIVES_S
        recent = range(max(1, self._head - PAGE), self._head)
        self._gaps = {seq: until for seq in recent if seq not in stored}
        for start in range(0, len(missing), PAGE):
            with translated(), self.engine.connect().execution_options(**READ) as connection:
                rows = queries.notifications_at(connection, missing[start : start + PAGE])
            self._length += audit_file.append(self.path, rows)

    def _stored(self) -> set[int]:
        with translated(), self.engine.connect().execution_options(**READ) as connection:
            return queries.notification_seqs(connection)


def main(settings: Settings, stop: threading.Event) -> None:
    engine = connect(settings.worker_url)
    heart = Heartbeat(settings, "audit")
    points = crash_points.of_this_process(settings)
    projection = AuditProjection(engine, settings.audit_file, lambda: points.reached("audit.half_appended"))
    try:
        while not stop.is_set():
            try:
                projection.step()
                heart.beat(True)
            except DatabaseUnavailable as error:
                log.warning("waiting for the database: %s", error)
                heart.beat(False)
                stop.wait(0.5)
            except FileNotFoundError:
                log.warning("the audit file was deleted; it is written anew")
            except OSError as error:
                log.error("the audit file cannot be written: %s", error)
                stop.wait(1)
            stop.wait(LOOK_EVERY_S)
    finally:
        engine.dispose()


if __name__ == "__main__":
    run("audit", main)
