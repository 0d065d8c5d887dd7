"""The embedded stack's capture: a polling publisher over the outbox table.

Every record goes out in `seq` order. The checkpoint is the highest `seq` up to which all are acknowledged; whatever
fails, sending starts again right after it. So nothing is skipped, order is kept, and duplicates are possible: consumers
absorb them, as they must with Debezium.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from connectors import envelope
from connectors.broker import BrokerUnavailable, Publisher
from domain.outbox import OutboxRecord
from telemetry import tracing
from telemetry.metrics import METRICS

log = logging.getLogger(__name__)

PAGE = 500
MOST_UNACKNOWLEDGED = 1500
LOOK_EVERY_S = 0.05
"""How often it looks without being woken."""
SAVE_EVERY_S = 0.25


class Feed(Protocol):
    """What the relay needs of the outbox: `db.outbox.OutboxFeed`, or a list in a test. All raise on failure."""

    def after(self, seq: int, limit: int) -> list[OutboxRecord]: ...

    def load_checkpoint(self) -> int: ...

    def save_checkpoint(self, seq: int) -> None: ...


class _Flight:
    """Sent and not yet acknowledged, in order. Acknowledgements come from the client's thread."""

    def __init__(self, checkpoint: int) -> None:
        self._lock = threading.Lock()
        self._pending: deque[int] = deque()
        self._acknowledged: set[int] = set()
        self.checkpoint = checkpoint
        self.failed = False

    def sent(self, seq: int) -> Callable[[bool], None]:
        with self._lock:
            self._pending.append(seq)

        def done(acknowledged: bool) -> None:
            with self._lock:
                if not acknowledged:
                    self.failed = True
                    return
                self._acknowledged.add(seq)
                while not self.failed and self._pending and self._pending[0] in self._acknowledged:
                    self.checkpoint = self._pending.popleft()
                    self._acknowledged.discard(self.checkpoint)

        return done

    def __len__(self) -> int:
        return len(self._pending)


class Relay:
    """Publishes what the feed has beyond its checkpoint, until told to stop."""

    def __init__(self, feed: Feed, publisher: Publisher, wait: Callable[[float], None]) -> None:
        """`wait(seconds)` returns early when a commit rings the bell."""
        self._feed = feed
        self._publisher = publisher
        self._wait = wait
        self._flight: _Flight | None = None
        self._generation = 0
        self._sent = 0
        self._saved = 0
        self._saved_at = 0.0

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                busy = self.step()
            except Exception as error:
                log.warning("the relay starts again from its checkpoint: %s", error)
                self._flight = None
                self._publisher.drop()
                busy = False
                stop.wait(0.2)
            if not busy:
                self._wait(LOOK_EVERY_S)
        self._finish()

    def step(self) -> bool:
        """One page, if there is one; whether there may be more at once. Raises what the feed and the broker raise."""
        if not self._publisher.ensure():
            return False
        if self._flight is None or self._generation != self._publisher.generation:
            # With a new client, what the old one still held is gone: it goes out again before anything newer.
            self._saved = self._sent = max(self._feed.load_checkpoint(), self._reached())
            self._flight = _Flight(self._saved)
            self._generation = self._publisher.generation
        if self._flight.failed:
            raise BrokerUnavailable("the broker did not take an event")
        if len(self._flight) >= MOST_UNACKNOWLEDGED:
            self._save_now_and_then()
            return False
        records = self._feed.after(self._sent, PAGE)
        for record in records:
            key, value = envelope.encode(record, envelope.now_ms())
            self._publisher.send_async(value, key, {}, _traced(record, self._flight.sent(record.seq)))
            self._sent = record.seq
        METRICS.count("relay_sent", (), len(records))
        self._save_now_and_then()
        return len(records) == PAGE

    def _reached(self) -> int:
        return 0 if self._flight is None else self._flight.checkpoint

    def _save_now_and_then(self) -> None:
        reached = self._reached()
        if reached > self._saved and time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self._feed.save_checkpoint(reached)
            self._saved, self._saved_at = reached, time.monotonic()

    def _finish(self) -> None:
        """Before a planned stop: wait a little for what is on its way, so that the next start repeats nothing."""
        if self._flight is None:
            return
        deadline = time.monotonic() + 2
        while len(self._flight) and not self._flight.failed and time.monotonic() < deadline:
            self._wait(0.01)
        if self._flight.checkpoint > self._saved:
            self._feed.save_checkpoint(self._flight.checkpoint)


def _traced(record: OutboxRecord, done: Callable[[bool], None]) -> Callable[[bool], None]:
    """From handing the event to the client until the broker's acknowledgement, as a span of the event's trace."""
    if record.traceparent is None:
        return done
    span = tracing.begin("relay", record.traceparent, {"alpes.event_id": record.id}, kind="producer")
    if span is None:
        return done

    def ended(acknowledged: bool) -> None:
        done(acknowledged)
        span.set_attribute("alpes.acknowledged", acknowledged)
        span.end()

    return ended
