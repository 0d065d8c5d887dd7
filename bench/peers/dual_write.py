"""A dual write: commit the state, then publish, with nothing that remembers what was not published. Measuring code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.peers.writing import Publish
from connectors import envelope
from connectors.broker import Broker, BrokerUnavailable, Publisher
from domain.outbox import OutboxRecord
from settings import Settings

SEND_TIMEOUT_S = 1.0
"""How long a caller waits for the broker; then the command is answered all the same, because its state is committed."""


@contextmanager
def publishing(settings: Settings, writers: int) -> Iterator[list[Publish]]:
    """Yield a function for each writer that publishes an event and waits for the broker's acknowledgement."""
    with ExitStack() as exits:
        yield [exits.enter_context(_publisher(settings)) for _ in range(writers)]


@contextmanager
def _publisher(settings: Settings) -> Iterator[Publish]:
    publisher = Publisher(Broker(settings), settings.topics.events, send_timeout_s=SEND_TIMEOUT_S)
    publisher.ensure_connected()

    def publish(record: OutboxRecord) -> None:
        key, value = envelope.encode(record, time.time_ns() // 1_000_000)
        try:
            publisher.send(value, key)
        except BrokerUnavailable:
            return  # what a dual write does: the error is logged at best, and nobody publishes the event later

    try:
        yield publish
    finally:
        publisher.drop()
