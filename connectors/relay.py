"""Capture on the embedded stack: poll the outbox table and publish its rows.

Rows are published in the order of `seq`. The checkpoint is the highest `seq` up to which every row was acknowledged; after any
failure, publishing starts again right after it. So no row is skipped, the order is kept, and duplicates are possible, which
consumers absorb as they do with Debezium.

A row that can never be published is parked as a dead letter, and the rows behind it continue, those of the same commission too,
as behind a consumer's dead letter.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from connectors import envelope
from connectors.broker import BrokerUnavailable, Publisher
from connectors.flight import Failure, Flight
from connectors.sending import MessageRefused, Sent
from domain.outbox import OutboxRecord, UnreadableRow
from telemetry import tracing
from telemetry.metrics import METRICS

log = logging.getLogger(__name__)

PAGE = 500
LARGE_PAGE = PAGE // 2
"""After so many rows there are probably more."""
MAX_UNACKNOWLEDGED = 1500
MAX_UNACKNOWLEDGED_BYTES = 64_000_000
ATTEMPTS = 5
"""Attempts of a row before it is parked, when the reason of its failure does not say what is at fault."""
POLL_EVERY_S = 0.05
"""How often the relay polls without a wake-up signal."""
SAVE_EVERY_S = 0.25
ALONE_EVERY_S = 0.001
"""How often the relay checks whether a row that is sent alone was acknowledged."""


class Feed(Protocol):
    """What the relay needs from the outbox: `db.outbox.OutboxFeed`, or a list in a test. All methods raise on failure."""

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]: ...

    def load_checkpoint(self) -> int: ...

    def save_checkpoint(self, seq: int) -> None: ...

    def park(self, seq: int, reason: str, detail: str) -> bool: ...


class RowsInWork(Protocol):
    """The rows that are being handled, recorded for the next process: `workers.rows_in_work.RowsInWork`."""

    def is_next_suspect(self, after: int) -> bool: ...

    def fatal_deaths(self, seq: int) -> int: ...

    def enter(self, first: int, last: int = 0) -> None: ...

    def leave(self, up_to: int) -> None: ...


class Relay:
    """Publishes the rows of the feed above its checkpoint, until told to stop."""

    def __init__(
        self, feed: Feed, publisher: Publisher, wait: Callable[[float], None], work: RowsInWork | None = None
    ) -> None:
        """`wait(seconds)` returns early at a wake-up signal. Without `work` no row is counted as fatal."""
        self._feed = feed
        self._publisher = publisher
        self._wait = wait
        self._work = work or _NoRowsInWork()
        self._flight: Flight | None = None
        self._generation = 0
        self._sent = 0
        self._saved = 0
        self._saved_at = 0.0
        self._reads_on = True
        """Whether a further page is read at once. After a small one there is nothing: a later commit wakes the relay."""
        self._suspect = 0
        self._attempts = 0

    @property
    def idle(self) -> bool:
        """Whether every row that was read has been acknowledged by the broker or parked."""
        return self._flight is not None and not len(self._flight) and self._flight.failure is None

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                busy = self.step()
            except Exception as error:
                log.warning("publishing failed, the relay starts again from its checkpoint: %s", error)
                self._flight = None
                self._publisher.drop()
                busy = False
                stop.wait(0.2)
            self._wait(0.0 if busy and self._reads_on else POLL_EVERY_S)  # always: waiting also writes the heartbeat
        self._finish()

    def step(self) -> bool:
        """Publish one page and return whether there may be more. Raise what the feed and the broker raise."""
        if not self._publisher.ensure_connected():
            return False
        if self._flight is None or self._generation != self._publisher.generation:
            # A new client has lost the unacknowledged rows of the old one: publish them again before newer ones.
            self._saved = self._sent = max(self._feed.load_checkpoint(), self._acknowledged_seq())
            self._flight = Flight(self._saved)
            self._generation = self._publisher.generation
        self._park_refused(self._flight)
        if self._flight.failure is not None:
            self._count_failure(self._flight.failure)
            raise BrokerUnavailable(f"the broker did not acknowledge the event of row {self._flight.failure.seq}")
        if len(self._flight) >= MAX_UNACKNOWLEDGED or self._flight.bytes >= MAX_UNACKNOWLEDGED_BYTES:
            self._save_checkpoint_if_due()
            return False
        alone = self._work.is_next_suspect(self._sent)
        if alone and len(self._flight):
            self._reads_on = True
            self._wait(
                ALONE_EVERY_S
            )  # wait for unacknowledged rows first, so that an end of the process blames one row
            return True
        rows = self._read(self._flight, 1 if alone else PAGE)
        for row in rows:
            self._send(row, self._flight)
            self._sent = row.seq
        METRICS.count("relay_sent", (), len(rows))
        self._save_checkpoint_if_due()
        self._reads_on = alone or len(rows) >= LARGE_PAGE
        return bool(rows)

    def _read(self, flight: Flight, limit: int) -> list[OutboxRecord | UnreadableRow]:
        """Return the next rows. They are recorded as in work before they are read, until the broker acknowledges them."""
        self._work.enter(flight.checkpoint + 1)
        rows = self._feed.after(self._sent, limit)
        if len(flight):
            self._work.enter(flight.checkpoint + 1, rows[-1].seq if rows else self._sent)
        elif rows:
            self._work.enter(rows[0].seq, rows[-1].seq)
        else:
            self._work.leave(flight.checkpoint)
        return rows

    def _send(self, row: OutboxRecord | UnreadableRow, flight: Flight) -> None:
        """Hand a row to the client; park it when it is no event or the client does not accept it."""
        if isinstance(row, UnreadableRow):
            flight.add(row.seq, 0)
            self._park(flight, row.seq, "bad_row", row.problem)
            return
        deaths = self._work.fatal_deaths(row.seq)
        if deaths:
            flight.add(row.seq, 0)
            self._park(
                flight,
                row.seq,
                "killed_worker",
                f"ended the relay {deaths} times: the process ended while it handled only this row",
            )
            return
        if row.seq == self._suspect and self._attempts >= ATTEMPTS:
            flight.add(row.seq, 0)
            self._park(flight, row.seq, "failed_too_often", f"the broker did not accept it {self._attempts} times")
            return
        try:
            key, value = envelope.encode(row, envelope.now_ms())
        except MemoryError:
            raise  # which says nothing of the row: it is tried again
        except Exception as error:  # encoding depends on the row only, so a retry would fail too
            flight.add(row.seq, 0)
            self._park(flight, row.seq, "bad_row", f"it cannot be encoded as a message: {error!a}")
            return
        try:
            self._publisher.send_async(value, key, {}, _with_span(row, flight.add(row.seq, len(value))))
        except MessageRefused as error:
            self._park(flight, row.seq, "unpublishable", f"a message of {len(value)} bytes: {error}")
        except BrokerUnavailable:
            raise
        except Exception as error:
            self._count_failure(Failure(row.seq, Sent.FAILED, type(error).__name__))
            raise

    def _park_refused(self, flight: Flight) -> None:
        for seq, (size, word) in flight.refused().items():
            self._park(flight, seq, "unpublishable", f"the broker refuses its message of {size} bytes: {word}")

    def _park(self, flight: Flight, seq: int, reason: str, detail: str) -> None:
        if self._feed.park(seq, reason, detail):
            log.error("parked row %d of the outbox as a dead letter: %s: %s", seq, reason, detail)
            METRICS.count("dead_letters", (reason,))
        flight.settle(seq)

    def _count_failure(self, failure: Failure) -> None:
        """Count how often a row failed for a reason that does not say whether the row or the broker is at fault."""
        if failure.outcome is Sent.FAILED:
            self._attempts = self._attempts + 1 if failure.seq == self._suspect else 1
            self._suspect = failure.seq

    def _acknowledged_seq(self) -> int:
        return 0 if self._flight is None else self._flight.checkpoint

    def _save_checkpoint_if_due(self) -> None:
        reached = self._acknowledged_seq()
        if reached > self._saved and time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self._feed.save_checkpoint(reached)
            self._saved, self._saved_at = reached, time.monotonic()

    def _finish(self) -> None:
        """Before a planned stop, wait up to 2 s for acknowledgements, so that the next start publishes nothing again."""
        if self._flight is None:
            return
        deadline = time.monotonic() + 2
        while len(self._flight) and self._flight.failure is None and time.monotonic() < deadline:
            self._wait(0.01)
        if self._flight.checkpoint > self._saved:
            self._feed.save_checkpoint(self._flight.checkpoint)


class _NoRowsInWork:
    """Records nothing, when there is no next process."""

    def is_next_suspect(self, after: int) -> bool:
        return False

    def fatal_deaths(self, seq: int) -> int:
        return 0

    def enter(self, first: int, last: int = 0) -> None: ...

    def leave(self, up_to: int) -> None: ...


def _with_span(record: OutboxRecord, on_outcome: Callable[[Sent, str], None]) -> Callable[[Sent, str], None]:
    """Add a span to the event's trace, from the call of the client until the broker's acknowledgement."""
    if record.traceparent is None:
        return on_outcome
    span = tracing.begin("relay", record.traceparent, {"alpes.event_id": record.id}, kind="producer")
    if span is None:
        return on_outcome

    def ended(outcome: Sent, word: str) -> None:
        on_outcome(outcome, word)
        span.set_attribute("alpes.acknowledged", outcome is Sent.ACKNOWLEDGED)
        span.end()

    return ended
