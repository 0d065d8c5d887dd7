"""The relay's process: outbox feed → live topic, woken by commits. Embedded stack only."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from application.wake import listen
from connectors.broker import Broker, Publisher
from connectors.relay import Relay
from db.engine import connect
from db.outbox import OutboxFeed
from settings import Settings
from workers import rows_in_work
from workers.heartbeat import Heartbeat
from workers.process import run


def main(settings: Settings, stop: threading.Event) -> None:
    settings.run.mkdir(parents=True, exist_ok=True)
    lock = _alone(settings.run / "relay.lock", stop)
    publisher = Publisher(Broker(settings), settings.topics.events)
    engine = connect(settings.database_url)
    feed = OutboxFeed(engine)
    work = rows_in_work.of_relay(settings)
    try:
        Relay(feed, publisher, _bell(settings, publisher), work).run(stop)
        work.close()
    finally:
        publisher.close()
        feed.close()
        engine.dispose()
        lock.close()


def _alone(path: Path, stop: threading.Event) -> IO[str]:
    """The lock that one relay a host holds; waits for it, because two at once would break the order of events."""
    lock = path.open("w")
    said = False
    while not stop.is_set():
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        if not said:
            logging.getLogger(__name__).warning("another relay holds %s; waiting for it to end", path)
            said = True
        stop.wait(0.2)
    return lock


def _bell(settings: Settings, publisher: Publisher) -> Callable[[float], None]:
    bell = listen(settings.wake_socket)
    heart = Heartbeat(settings, "relay")

    def wait(seconds: float) -> None:
        heart.beat(publisher.connected)
        if select.select([bell], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    bell.recv(16)

    return wait


if __name__ == "__main__":
    run("relay", main)
