"""Record the timestamps of events: measured where they happen, and written later in batches by another thread."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from db.errors import DatabaseUnavailable, translated
from db.prepared import PreparedInsert
from db.tables import event_timing

HOPS = ("occurred", "committed", "captured", "published", "received", "persisted")
"""The timestamps in order. `occurred` is a column of the outbox row, the others are of `event_timing`."""
RESOLUTION_US = dict.fromkeys(HOPS, 1) | {"captured": 1000, "published": 1000}
"""Timestamp → resolution of its clock: this host's, but the envelope's `ts_ms` for `captured`, and the message's publish time for
`published`."""

FLUSH_EVERY_S = 0.2
BATCH = 500
"""Rows of one transaction: while it lasts, SQLite lets no command write."""
MAX_WAITING = 50_000  # events whose timestamps wait while the database is unavailable

_COLUMNS = tuple(f"{hop}_us" for hop in HOPS[1:])


def _fill(new: str) -> str:
    """Return the assignments that fill the empty columns of a row; `new` has the place of a column's name."""
    return ", ".join(f"{name} = COALESCE(event_timing.{name}, {new.format(name)})" for name in _COLUMNS)


_WRITE = PreparedInsert(
    event_timing,
    {
        "sqlite": f" ON CONFLICT (event_id) DO UPDATE SET {_fill('excluded.{}')}",
        "mysql": f" ON DUPLICATE KEY UPDATE {_fill('VALUES({})')}",  # of every version: 8.0.15 has no alias for the new row
    },
)


class Timing(NamedTuple):
    """Timestamps of an event that were measured in one process, in microseconds since the epoch."""

    event_id: str
    committed_us: int | None = None
    captured_us: int | None = None
    published_us: int | None = None
    received_us: int | None = None
    persisted_us: int | None = None


class HopRecorder:
    """Collects timestamps and writes them in its own thread. The first timestamp of an event and hop is kept.

    When some are lost, because the process is killed or the database is unavailable, charts lack points; no event is lost.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[Timing] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hop-recorder", daemon=True)
        self._thread.start()

    def add(self, passed: Sequence[Timing]) -> None:
        """Record timestamps of events."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.extend(passed)

    def close(self) -> None:
        """Write the waiting timestamps and stop."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_EVERY_S):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        while batch := self._take():
            try:
                with translated(), self._engine.begin() as connection:
                    _WRITE.execute_tuples(connection, batch)
            except Exception as error:
                # No error may end the thread: later timestamps would pile up.
                logging.getLogger(__name__).warning("the timestamps of %d events are lost: %s", len(batch), error)
                if isinstance(error, DatabaseUnavailable):
                    return

    def _take(self) -> list[Timing]:
        """Return the next rows, in the order of their ids: two processes that write the same rows then never wait in a circle."""
        return sorted(self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting))))
