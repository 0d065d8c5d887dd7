"""Hold events at the breakpoints of step mode: rows before the relay reads them, messages before and after their effect.

Both classes answer at once with nothing while an event is held. So the component's loop goes on: it writes its heartbeat,
keeps its connection and can be stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from application.breakpoints import Breakpoint
from connectors.broker import Received
from connectors.relay import Feed
from domain.outbox import OutboxRecord, UnreadableRow
from settings import Settings
from workers.consumer import Inlet
from workers.reading import decode_in_subprocess, find_event

LOOKS_EVERY_S = 0.05


class SteppedInlet:
    """An inlet that hands over one message for each permission, and acknowledges one for each.

    A held acknowledgement is lost with its process: then the broker delivers the message again.
    """

    def __init__(self, settings: Settings, part: str, inlet: Inlet) -> None:
        self._inlet = inlet
        self._delivery = Breakpoint(settings, "delivery", part)
        self._acknowledgement = Breakpoint(settings, "acknowledgement", part)
        self._received: list[Received] = []
        """Messages that wait to be processed."""
        self._first: tuple[Received, str] | None = None
        """The first of them whose event's id is known, and that id."""
        self._processed: list[Received] = []
        """Messages that wait to be acknowledged."""
        self._generation = 0
        self._acknowledgement.show(0)  # a previous process may have ended with some

    @property
    def generation(self) -> int:
        return self._inlet.generation

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        """Return the next messages, at most one for each permission while the breakpoint is set."""
        self._acknowledge_permitted()
        if self._received:
            self._receive(0, 0)  # keeps the connection, and forgets messages of an older client
        else:
            is_set = self._delivery.is_set
            quick = is_set or self._processed
            self._received = self._receive(
                1 if is_set else limit, min(timeout_s, LOOKS_EVERY_S) if quick else timeout_s
            )
        return self._release()

    def _release(self) -> list[Received]:
        """Return those of the received messages that may pass now."""
        if not self._delivery.is_set:
            passing = len(self._received)
        elif self._received and self._delivery.takes_permission():
            passing = 1
        else:
            self._delivery.show(len(self._received), self._find_first_id())
            time.sleep(LOOKS_EVERY_S if self._received else 0)
            return []
        batch, self._received = self._received[:passing], self._received[passing:]
        self._delivery.show(0)  # the next call says what is left: to find out would delay the batch
        return batch

    def _find_first_id(self) -> str:
        """Return the id of the event that passes next. Its message is decoded elsewhere: it may end the process that does it."""
        if not self._received:
            return ""
        message = self._received[0]
        if self._first is None or self._first[0] is not message:
            event = decode_in_subprocess(message)
            self._first = message, message.message_id if event is None else event.id
        return self._first[1]

    def acknowledge(self, batch: Sequence[Received]) -> None:
        """Acknowledge messages, or keep them for that."""
        self._processed += batch
        self._acknowledge_permitted()

    def drop(self) -> None:
        self._inlet.drop()

    def _acknowledge_permitted(self) -> None:
        if not self._processed:
            return
        if not self._acknowledgement.is_set:
            self._inlet.acknowledge(self._processed)
            self._processed = []
        elif self._acknowledgement.takes_permission():
            self._inlet.acknowledge([self._processed.pop(0)])
        first_id = _find_id(self._processed[0]) if self._processed else ""
        self._acknowledgement.show(len(self._processed), first_id)

    def _receive(self, limit: int, timeout_s: float) -> list[Received]:
        """Receive, and forget the messages of an older client: they are delivered again."""
        batch = self._inlet.receive(limit, timeout_s)
        if self._inlet.generation != self._generation:
            self._generation = self._inlet.generation
            self._received, self._processed = [], []
            self._acknowledgement.show(0)
        return batch


class SteppedFeed:
    """A feed of the outbox that yields one row for each permission while the breakpoint is set."""

    def __init__(self, settings: Settings, part: str, feed: Feed) -> None:
        self._feed = feed
        self._capture = Breakpoint(settings, "capture", part)

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        """Return the next rows. Raises what the feed raises."""
        is_set = self._capture.is_set
        rows = self._feed.after(seq, 1 if is_set else limit)
        if not self._capture.is_set:
            self._capture.show(0)
            return rows
        is_permitted = bool(rows) and self._capture.takes_permission()
        left = rows[1:] if is_permitted else rows
        self._capture.show(len(left), _find_row_id(left[0]) if left else "")
        return rows[:1] if is_permitted else []

    def load_checkpoint(self) -> int:
        return self._feed.load_checkpoint()

    def save_checkpoint(self, seq: int) -> None:
        self._feed.save_checkpoint(seq)

    def park(self, seq: int, reason: str, detail: str) -> bool:
        return self._feed.park(seq, reason, detail)


def _find_id(message: Received) -> str:
    """Return the id of a processed message's event, or its own if it carries none."""
    event = find_event(message)
    return message.message_id if event is None else event.id


def _find_row_id(row: OutboxRecord | UnreadableRow) -> str:
    return row.id if isinstance(row, OutboxRecord) else str(row.seq)
