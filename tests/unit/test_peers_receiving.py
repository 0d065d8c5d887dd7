"""The consumer notes every message, acknowledges it, and answers with the receipts since the last question."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import pytest

from bench import children
from bench.children import Child
from bench.peers import receiving
from bench.peers.receiving import Receiver, receive
from connectors import envelope
from connectors.broker import Received
from domain.clock import utc_now
from domain.outbox import OutboxRecord
from scenarios.waiting import until
from settings import Settings


def message(number: int) -> Received:
    record = OutboxRecord(
        number, f"e{number}", "commission", "c", number, "CommissionApproved", 1, "{}", "r", None, utc_now()
    )
    return Received("topic", f"1:{number}", None, envelope.encode(record, 0)[1], {}, 0, 0, 0, number)


class Topic:
    """Stands in for `connectors.broker.Subscription`: has batches, and keeps what was acknowledged."""

    def __init__(self, batches: Sequence[Sequence[Received]]) -> None:
        self.acknowledged: list[str] = []
        self.is_dropped = False
        self._batches = iter(batches)

    def ensure_connected(self) -> bool:
        return True

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        return list(next(self._batches, []))

    def acknowledge(self, batch: Sequence[Received]) -> None:
        self.acknowledged += [received.message_id for received in batch]

    def drop(self) -> None:
        self.is_dropped = True


def test_each_answer_adds_to_the_receipts_until_the_pipe_is_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tombstone = Received("topic", "1:9", None, b"", {}, 0, 0, 0, 9)
    topic = Topic([[message(1), tombstone], [], [message(2), message(2)]])
    subscribed: list[Any] = []

    def subscribe(_broker: object, topics: list[str], name: str) -> Topic:
        subscribed.append((topics, name))
        return topic

    monkeypatch.setattr(receiving, "Subscription", subscribe)
    settings = Settings(home=tmp_path, stack="native", pulsar_url="pulsar://127.0.0.1:1")
    ours: Pipe
    ours, theirs = multiprocessing.Pipe()
    thread = threading.Thread(target=receive, args=(settings, theirs), daemon=True)
    thread.start()
    assert ours.recv() == children.READY
    receiver = Receiver(Child("consumer", 1, ours))
    until(lambda: len(receiver.read()) == 3, 30, "every receipt")
    assert [receipt.event_id for receipt in receiver.read()] == ["e1", "e2", "e2"]
    assert (receiver.has_all({"e1", "e2"}), receiver.has_all({"e1", "e3"})) == (True, False)
    assert topic.acknowledged == ["1:1", "1:9", "1:2", "1:2"]
    assert subscribed == [([settings.topics.events], receiving.SUBSCRIPTION)]
    ours.close()
    thread.join(30)
    assert topic.is_dropped
