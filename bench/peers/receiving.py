"""The consumer that measures every publisher: a process that notes when it received which event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe

from bench import children
from bench.peers.counting import Receipt
from bench.peers.reading import read_receipt
from connectors.broker import Broker, Subscription
from settings import Settings

NAME = "consumer"
SUBSCRIPTION = "bench-peers"
BATCH = 100
WAIT_S = 0.02
"""How long it waits for a message before it looks whether somebody asks. A message ends the wait at once."""


class Receiver:
    """The receipts of a consumer that runs in a process of its own."""

    def __init__(self, child: children.Child) -> None:
        self.pid = child.pid
        self._child = child
        self._receipts: list[Receipt] = []
        self._event_ids: set[str] = set()

    def read(self) -> list[Receipt]:
        """Return all receipts so far, in the order of their arrival. Raises ChildFailed."""
        self._child.pipe.send("read")
        later = self._child.receive()
        self._receipts += later
        self._event_ids.update(receipt.event_id for receipt in later)
        return self._receipts

    def has_all(self, event_ids: set[str]) -> bool:
        """Return whether each of the events was received. Raises ChildFailed."""
        self.read()
        return event_ids <= self._event_ids


@contextmanager
def receiving(settings: Settings) -> Iterator[Receiver]:
    """Receive the events of an instance from the beginning of its topic. Raises ChildFailed."""
    with children.running(NAME, receive, settings) as child:
        yield Receiver(child)


def receive(settings: Settings, pipe: Pipe) -> None:
    """Receive until the pipe is closed; answer each word from it with the receipts since the last one."""
    subscription = Subscription(Broker(settings), [settings.topics.events], SUBSCRIPTION)
    receipts: list[Receipt] = []
    is_ready = False
    try:
        while True:
            if not is_ready and subscription.ensure_connected():
                pipe.send(children.READY)
                is_ready = True
            batch = subscription.receive(BATCH, WAIT_S)
            subscription.acknowledge(batch)
            receipts += [receipt for message in batch if (receipt := read_receipt(message)) is not None]
            if pipe.poll(0):
                pipe.recv()
                pipe.send(receipts)
                receipts = []
    except (EOFError, OSError):
        return  # the measurement has ended
    finally:
        subscription.drop()
