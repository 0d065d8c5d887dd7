"""Run the relay's process, which publishes outbox rows when a commit wakes it. Embedded stack only."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import select
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from application.wake import open_receiver
from connectors.broker import Broker, Publisher
from connectors.relay import Feed, Relay
from db.engine import connect
from db.outbox import OutboxFeed
from domain.outbox import OutboxRecord, UnreadableRow
from settings import Settings
from workers import rows_in_work
from workers.heartbeat import Heartbeat
from workers.process import run
from workers.stepping import SteppedFeed

GAP_S = 0.004
"""A signal that comes sooner than this after the relay began to wait comes in quick succession."""
GATHER_S = 0.005


class BeatingFeed:
    """A feed that keeps the heartbeat going during its requests: a relay that waits for the database's lock is not hung."""

    def __init__(self, feed: Feed, waiting: AbstractContextManager[None]) -> None:
        self._feed = feed
        self._waiting = waiting

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        with self._waiting:
            return self._feed.after(seq, limit)

    def load_checkpoint(self) -> int:
        with self._waiting:
            return self._feed.load_checkpoint()

    def save_checkpoint(self, seq: int) -> None:
        with self._waiting:
            self._feed.save_checkpoint(seq)

    def park(self, seq: int, reason: str, detail: str) -> bool:
        with self._waiting:
            return self._feed.park(seq, reason, detail)


def main(settings: Settings, stop: threading.Event) -> None:
    settings.run.mkdir(parents=True, exist_ok=True)
    lock = _acquire_lock(settings.run / "relay.lock", stop)
    publisher = Publisher(Broker(settings), settings.topics.events)
    engine = connect(settings.database_url)
    feed = OutboxFeed(engine)
    work = rows_in_work.open_for_component(settings, "relay")
    try:
        heart = Heartbeat(settings, "relay")
        stepped = SteppedFeed(settings, "relay", BeatingFeed(feed, heart.waiting))
        Relay(stepped, publisher, _create_wait(settings, publisher, heart), work).run(stop)
        work.close()  # not in `finally`: when an exception ends the process, the rows in work are the suspects
    finally:
        publisher.close()
        feed.close()
        engine.dispose()
        lock.close()


def _acquire_lock(path: Path, stop: threading.Event) -> IO[str]:
    """Wait for the lock that allows one relay per host, and return it: two relays at once would break the order of events."""
    lock = path.open("w")
    warned = False
    while not stop.is_set():
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        if not warned:
            logging.getLogger(__name__).warning("another relay holds %s; waiting for it to end", path)
            warned = True
        stop.wait(0.2)
    return lock


def _create_wait(settings: Settings, publisher: Publisher, heart: Heartbeat) -> Callable[[float], None]:
    """Return a function that waits up to some seconds for a wake-up signal, and writes the heartbeat.

    Signals in quick succession are gathered, so that one read of the outbox serves many commits.
    """
    signals = open_receiver(settings.wake_socket)

    def wait(seconds: float) -> None:
        heart.beat(publisher.connected)
        called_at = time.monotonic()
        if select.select([signals], [], [], seconds)[0]:
            if seconds > GAP_S > time.monotonic() - called_at:
                time.sleep(GATHER_S)
            with contextlib.suppress(BlockingIOError):
                while True:
                    signals.recv(16)

    return wait


if __name__ == "__main__":
    run("relay", main)
