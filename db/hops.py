"""Record the timestamps of events: measured where they happen, and written later in batches by another thread."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass

from sqlalchemy import Engine

from db.errors import DatabaseUnavailable, translated
from db.prepared import PreparedInsert
from db.tables import hop_time

HOPS = ("occurred", "committed", "captured", "published", "received", "persisted")
"""The timestamps in order. `occurred` is a column of the outbox row."""

CLOCK_RESOLUTION_US = {"host": 1, "capture": 1000, "producer": 1000}
"""Resolution of each clock in `hop_time.clock`: this host, the envelope's `ts_ms`, the message's publish time."""

FLUSH_EVERY_S = 0.2
BATCH = 500
"""Rows of one transaction: while it lasts, SQLite lets no command write."""
MAX_WAITING = 200_000  # timestamps that wait while the database is unavailable

_INSERT_IF_NEW = PreparedInsert(hop_time, {"sqlite": "OR IGNORE", "mysql": "IGNORE"})


@dataclass(frozen=True, slots=True)
class HopTime:
    """One timestamp of an event, a row of `hop_time`."""

    event_id: str
    hop: str
    at_us: int
    clock: str


class HopRecorder:
    """Collects timestamps and writes them in its own thread. The first timestamp of an event and hop is kept.

    When some are lost, because the process is killed or the database is unavailable, charts lack points; no event is lost.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[HopTime] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hop-recorder", daemon=True)
        self._thread.start()

    def add(self, passed: HopTime) -> None:
        if self._waiting.qsize() < MAX_WAITING:
            self._waiting.put(passed)

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
                    _INSERT_IF_NEW.execute_all(connection, batch)
            except Exception as error:
                # No error may end the thread: later timestamps would pile up.
                logging.getLogger(__name__).warning("%d timestamps are lost: %s", len(batch), error)
                if isinstance(error, DatabaseUnavailable):
                    return

    def _take(self) -> list[dict[str, object]]:
        batch: list[dict[str, object]] = []
        while len(batch) < BATCH and not self._waiting.empty():
            passed = self._waiting.get()
            batch.append({"event_id": passed.event_id, "hop": passed.hop, "at_us": passed.at_us, "clock": passed.clock})
        return batch
