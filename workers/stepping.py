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

    def __init__(self, settings: Settings, inlet: Inlet) -> None:
        self._inlet = inlet
        self._delivery = Breakpoint(settings, "delivery")
        self._acknowledgement = Breakpoint(settings, "acknowledgement")
        self._received: list[Received] = []
        """The message that waits to be processed."""
        self._received_ids: list[str] = []
        self._processed: list[Received] = []
        """Messages that wait to be acknowledged."""
        self._generation = 0

    @property
    def generation(self) -> int:
        return self._inlet.generation

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        """Return the next messages, at most one for each permission while the breakpoint is set."""
        self._acknowledge_permitted()
        if not self._delivery.is_set:
            self._delivery.show(())
            if self._received:
                self._receive(0, 0)  # which forgets a message of an older client
                batch, self._received = self._received, []
                return batch
            return self._receive(limit, min(timeout_s, LOOKS_EVERY_S) if self._processed else timeout_s)
        if not self._received:
            self._received = self._receive(1, min(timeout_s, LOOKS_EVERY_S))
            self._received_ids = list(map(_find_id_in_subprocess, self._received))
        else:
            self._receive(0, 0)  # keeps the connection
            time.sleep(LOOKS_EVERY_S)
        self._delivery.show(self._received_ids if self._received else ())
        if not self._received or not self._delivery.takes_permission():
            return []
        batch, self._received = self._received, []
        self._delivery.show(())
        return batch

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
        self._acknowledgement.show(_list_ids(self._processed))

    def _receive(self, limit: int, timeout_s: float) -> list[Received]:
        """Receive, and forget the messages of an older client: they are delivered again."""
        batch = self._inlet.receive(limit, timeout_s)
        if self._inlet.generation != self._generation:
            self._generation = self._inlet.generation
            self._received, self._processed = [], []
            self._acknowledgement.show(())
        return batch


class SteppedFeed:
    """A feed of the outbox that yields one row for each permission while the breakpoint is set."""

    def __init__(self, settings: Settings, feed: Feed) -> None:
        self._feed = feed
        self._capture = Breakpoint(settings, "capture")

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        """Return the next rows. Raises what the feed raises."""
        if not self._capture.is_set:
            self._capture.show(())
            return self._feed.after(seq, limit)
        rows = self._feed.after(seq, 1)
        self._capture.show([row.id if isinstance(row, OutboxRecord) else str(row.seq) for row in rows])
        if not rows or not self._capture.takes_permission():
            return []
        self._capture.show(())
        return rows

    def load_checkpoint(self) -> int:
        return self._feed.load_checkpoint()

    def save_checkpoint(self, seq: int) -> None:
        self._feed.save_checkpoint(seq)

    def park(self, seq: int, reason: str, detail: str) -> bool:
        return self._feed.park(seq, reason, detail)


def _list_ids(messages: Sequence[Received]) -> list[str]:
    """Return the event's id of each message, or the message's own where it carries no event."""
    events = [(message, find_event(message)) for message in messages]
    return [message.message_id if event is None else event.id for message, event in events]


def _find_id_in_subprocess(message: Received) -> str:
    """Return the same of a message that nothing was done with yet: it may end the process that decodes it."""
    event = decode_in_subprocess(message)
    return message.message_id if event is None else event.id
