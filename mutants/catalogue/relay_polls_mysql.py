"""A relay in place of the source that polls MySQL's outbox and goes on from the highest `seq` that it has seen."""

from __future__ import annotations

import threading

from connectors.broker import Broker, Publisher
from connectors.relay import Relay
from db.engine import connect
from db.outbox import OutboxFeed
from mutants.model import Mutant
from settings import Settings
from workers.process import run

POLL_EVERY_S = 0.5


class Polling(OutboxFeed):
    """Keeps its checkpoint in memory, and does not know that MySQL may commit a lower `seq` after a higher one."""

    def __init__(self, settings: Settings) -> None:
        self._engine_of_feed = connect(settings.worker_url, pool_size=2)
        super().__init__(self._engine_of_feed)
        self._checkpoint = self.head()

    def load_checkpoint(self) -> int:
        return self._checkpoint

    def save_checkpoint(self, seq: int) -> None:
        self._checkpoint = seq

    def park(self, seq: int, reason: str, detail: str) -> bool:
        return True


def main(settings: Settings, stop: threading.Event) -> None:
    feed = Polling(settings)
    publisher = Publisher(Broker(settings), settings.topics.events)
    try:
        Relay(feed, publisher, lambda seconds: _wait(stop, seconds)).run(stop)
    finally:
        publisher.close()
        feed.close()


def _wait(stop: threading.Event, seconds: float) -> None:
    stop.wait(POLL_EVERY_S if seconds else 0)


MUTANT = Mutant(
    "relay",
    {
        "long-transaction": "published_what_was_committed",
        "delete-after-insert": "check.deleted_published",
        "outbox-truncated": "check.deleted_published",
    },
    replaces_source=True,
)


if __name__ == "__main__":
    run("relay", main)
