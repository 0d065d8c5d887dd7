"""The embedded stack's capture: a polling publisher over the outbox table.

Every record goes out in `seq` order. The checkpoint is the highest `seq` up to which all are acknowledged; whatever
fails, sending starts again right after it. So nothing is skipped, order is kept, and duplicates are possible: consumers
absorb them, as they must with Debezium.

A row that can never be published is parked: it becomes an outbox dead letter, and the rows behind it go on, those of the
same commission too, as they do behind a consumer's dead letter.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from connectors import envelope
from connectors.broker import BrokerUnavailable, Publisher
from connectors.sending import MessageRefused, Sent
from domain.outbox import OutboxRecord, UnreadableRow
from telemetry import tracing
from telemetry.metrics import METRICS

log = logging.getLogger(__name__)

PAGE = 500
MOST_UNACKNOWLEDGED = 1500
MOST_UNACKNOWLEDGED_BYTES = 64_000_000
ATTEMPTS = 5
"""Of a row that fails without a reason that tells whose fault it is, before it is parked."""
LOOK_EVERY_S = 0.05
"""How often it looks without being woken."""
SAVE_EVERY_S = 0.25
ALONE_EVERY_S = 0.001
"""How often it looks whether a row that is sent alone has arrived."""


class Feed(Protocol):
    """What the relay needs of the outbox: `db.outbox.OutboxFeed`, or a list in a test. All raise on failure."""

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]: ...

    def load_checkpoint(self) -> int: ...

    def save_checkpoint(self, seq: int) -> None: ...

    def park(self, seq: int, reason: str, detail: str) -> bool: ...


class RowsInWork(Protocol):
    """Which rows are handled, for the process that comes after this one: `workers.rows_in_work.RowsInWork`."""

    def is_next_suspect(self, after: int) -> bool: ...

    def fatal_deaths(self, seq: int) -> int: ...

    def enter(self, first: int, last: int = 0) -> None: ...

    def leave(self, done: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Failure:
    """The first of the flight's events that was not taken; what is behind it goes out again."""

    seq: int
    outcome: Sent
    word: str
    """The client's name of the error."""


class _Flight:
    """Sent and not yet acknowledged, in order. Answers come from the client's thread."""

    def __init__(self, checkpoint: int) -> None:
        self._lock = threading.Lock()
        self._pending: deque[int] = deque()
        self._sizes: dict[int, int] = {}
        self._settled: set[int] = set()
        self._refused: dict[int, str] = {}
        self.bytes = 0
        self.checkpoint = checkpoint
        self.failure: _Failure | None = None

    def sent(self, seq: int, size: int) -> Callable[[Sent, str], None]:
        with self._lock:
            self._pending.append(seq)
            self._sizes[seq] = size
            self.bytes += size

        def done(outcome: Sent, word: str) -> None:
            with self._lock:
                if outcome is Sent.ACKNOWLEDGED:
                    self._settle(seq)
                elif outcome is Sent.REFUSED:
                    self._refused[seq] = word
                elif self.failure is None or seq < self.failure.seq:
                    self.failure = _Failure(seq, outcome, word)

        return done

    def refused(self) -> dict[int, tuple[int, str]]:
        """`seq` → (bytes, the client's word), of the rows that are to be parked and then `settle`d."""
        with self._lock:
            return {seq: (self._sizes[seq], word) for seq, word in self._refused.items()}

    def settle(self, seq: int) -> None:
        """Count a row as done with: it is parked."""
        with self._lock:
            self._refused.pop(seq, None)
            self._settle(seq)

    def _settle(self, seq: int) -> None:
        self._settled.add(seq)
        while self.failure is None and self._pending and self._pending[0] in self._settled:
            self.checkpoint = self._pending.popleft()
            self._settled.discard(self.checkpoint)
            self.bytes -= self._sizes.pop(self.checkpoint)

    def __len__(self) -> int:
        return len(self._pending)


class Relay:
    """Publishes what the feed has beyond its checkpoint, until told to stop."""

    def __init__(
        self, feed: Feed, publisher: Publisher, wait: Callable[[float], None], work: RowsInWork | None = None
    ) -> None:
        """`wait(seconds)` returns early when a commit rings the bell. Without `work` no row is counted as fatal."""
        self._feed = feed
        self._publisher = publisher
        self._wait = wait
        self._work = work or _NobodyAfter()
        self._flight: _Flight | None = None
        self._generation = 0
        self._sent = 0
        self._saved = 0
        self._saved_at = 0.0
        self._suspect = 0
        self._attempts = 0

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
        self._park_refused(self._flight)
        if self._flight.failure is not None:
            self._suspected(self._flight.failure)
            raise BrokerUnavailable(f"the broker did not take the event of row {self._flight.failure.seq}")
        if len(self._flight) >= MOST_UNACKNOWLEDGED or self._flight.bytes >= MOST_UNACKNOWLEDGED_BYTES:
            self._save_now_and_then()
            return False
        alone = self._work.is_next_suspect(self._sent)
        if alone and len(self._flight):
            self._wait(ALONE_EVERY_S)  # what is on its way comes first, so that an end of the process blames one row
            return True
        rows = self._read(self._flight, 1 if alone else PAGE)
        for row in rows:
            self._send(row, self._flight)
            self._sent = row.seq
        METRICS.count("relay_sent", (), len(rows))
        self._save_now_and_then()
        return bool(rows)

    def _read(self, flight: _Flight, limit: int) -> list[OutboxRecord | UnreadableRow]:
        """The next rows, in work from before they are read until the broker has them."""
        self._work.enter(flight.checkpoint + 1)
        rows = self._feed.after(self._sent, limit)
        if len(flight):
            self._work.enter(flight.checkpoint + 1, rows[-1].seq if rows else self._sent)
        elif rows:
            self._work.enter(rows[0].seq, rows[-1].seq)
        else:
            self._work.leave(flight.checkpoint)
        return rows

    def _send(self, row: OutboxRecord | UnreadableRow, flight: _Flight) -> None:
        """Hand a row to the client, or park it where it is no event or the client does not take it."""
        if isinstance(row, UnreadableRow):
            flight.sent(row.seq, 0)
            self._park(flight, row.seq, "bad_row", row.problem)
            return
        deaths = self._work.fatal_deaths(row.seq)
        if deaths:
            flight.sent(row.seq, 0)
            self._park(flight, row.seq, "killed_worker", f"killed the relay {deaths} times: it ended at this row alone")
            return
        if row.seq == self._suspect and self._attempts >= ATTEMPTS:
            flight.sent(row.seq, 0)
            self._park(flight, row.seq, "failed_too_often", f"the broker did not take it {self._attempts} times")
            return
        try:
            key, value = envelope.encode(row, envelope.now_ms())
        except Exception as error:  # whatever it is, it would be raised again
            flight.sent(row.seq, 0)
            self._park(flight, row.seq, "bad_row", f"no message can be made of it: {error!a}")
            return
        try:
            self._publisher.send_async(value, key, {}, _traced(row, flight.sent(row.seq, len(value))))
        except MessageRefused as error:
            self._park(flight, row.seq, "unpublishable", f"a message of {len(value)} bytes: {error}")
        except BrokerUnavailable:
            raise
        except Exception as error:
            self._suspected(_Failure(row.seq, Sent.FAILED, type(error).__name__))
            raise

    def _park_refused(self, flight: _Flight) -> None:
        for seq, (size, word) in flight.refused().items():
            self._park(flight, seq, "unpublishable", f"the broker refuses its message of {size} bytes: {word}")

    def _park(self, flight: _Flight, seq: int, reason: str, detail: str) -> None:
        if self._feed.park(seq, reason, detail):
            log.error("parked row %d of the outbox as a dead letter: %s: %s", seq, reason, detail)
            METRICS.count("dead_letters", (reason,))
        flight.settle(seq)

    def _suspected(self, failure: _Failure) -> None:
        """Count how often one row failed for a reason that does not tell whether it or the broker is at fault."""
        if failure.outcome is Sent.FAILED:
            self._attempts = self._attempts + 1 if failure.seq == self._suspect else 1
            self._suspect = failure.seq

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
        while len(self._flight) and self._flight.failure is None and time.monotonic() < deadline:
            self._wait(0.01)
        if self._flight.checkpoint > self._saved:
            self._feed.save_checkpoint(self._flight.checkpoint)


class _NobodyAfter:
    """No process comes after this one: nothing is noted."""

    def is_next_suspect(self, after: int) -> bool:
        return False

    def fatal_deaths(self, seq: int) -> int:
        return 0

    def enter(self, first: int, last: int = 0) -> None: ...

    def leave(self, done: int) -> None: ...


def _traced(record: OutboxRecord, done: Callable[[Sent, str], None]) -> Callable[[Sent, str], None]:
    """From handing the event to the client until the broker's acknowledgement, as a span of the event's trace."""
    if record.traceparent is None:
        return done
    span = tracing.begin("relay", record.traceparent, {"alpes.event_id": record.id}, kind="producer")
    if span is None:
        return done

    def ended(outcome: Sent, word: str) -> None:
        done(outcome, word)
        span.set_attribute("alpes.acknowledged", outcome is Sent.ACKNOWLEDGED)
        span.end()

    return ended
