"""When each event passed each hop: measured where it happens, written afterwards in batches, off the hot path."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass

from sqlalchemy import Engine, insert

from db.errors import DatabaseUnavailable, translated
from db.tables import hop_time

HOPS = ("occurred", "committed", "captured", "published", "received", "persisted")
"""In the order of the event's way. `occurred` stands in the outbox row itself."""

CLOCK_RESOLUTION_US = {"host": 1, "capture": 1000, "producer": 1000}
"""Clocks of `hop_time.clock`: this host's in microseconds; the envelope's `ts_ms`; the message's publish time."""

FLUSH_EVERY_S = 0.2
BATCH = 2000
KEEP_AT_MOST = 200_000  # waiting measurements, while the database is away


@dataclass(frozen=True, slots=True)
class Passed:
    event_id: str
    hop: str
    at_us: int
    clock: str


class HopRecorder:
    """Collects measurements and writes them in a thread of its own; the first one of an event and hop stands.

    Losing some (the process is killed, the database stays away) loses points of a chart, never an event.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[Passed] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hop-recorder", daemon=True)
        self._thread.start()

    def add(self, passed: Passed) -> None:
        if self._waiting.qsize() < KEEP_AT_MOST:
            self._waiting.put(passed)

    def close(self) -> None:
        """Write what waits and stop."""
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
                    connection.execute(_insert_if_new(self._engine), batch)
            except Exception as error:
                # Whatever it is, it may not end the thread: later measurements would only pile up.
                logging.getLogger(__name__).warning("hop times of %d measurements dropped: %s", len(batch), error)
                if isinstance(error, DatabaseUnavailable):
                    return

    def _take(self) -> list[dict[str, object]]:
        batch: list[dict[str, object]] = []
        while len(batch) < BATCH and not self._waiting.empty():
            passed = self._waiting.get()
            batch.append({"event_id": passed.event_id, "hop": passed.hop, "at_us": passed.at_us, "clock": passed.clock})
        return batch


def _insert_if_new(engine: Engine):  # type: ignore[no-untyped-def]
    return insert(hop_time).prefix_with("OR IGNORE" if engine.dialect.name == "sqlite" else "IGNORE")
