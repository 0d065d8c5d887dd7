"""The relay: in order, nothing skipped, the checkpoint only where everything before it is acknowledged."""

from __future__ import annotations

import json
from typing import cast

import pytest

from connectors.broker import BrokerUnavailable, Publisher
from connectors.relay import Relay
from domain.outbox import OutboxRecord
from tests.builders import record
from tests.fakes import FakePublisher


class ListFeed:
    def __init__(self, count: int) -> None:
        self.records = [record(seq) for seq in range(1, count + 1)]
        self.checkpoint = 0

    def after(self, seq: int, limit: int) -> list[OutboxRecord]:
        return [row for row in self.records if row.seq > seq][:limit]

    def load_checkpoint(self) -> int:
        return self.checkpoint

    def save_checkpoint(self, seq: int) -> None:
        self.checkpoint = seq


def sent(publisher: FakePublisher) -> list[int]:
    return [json.loads(value)["after"]["seq"] for value, _ in publisher.sent]


def relay(feed: ListFeed, publisher: FakePublisher) -> Relay:
    return Relay(feed, cast(Publisher, publisher), lambda seconds: None)


def test_records_go_out_in_order_and_once() -> None:
    feed, publisher = ListFeed(1200), FakePublisher()
    running = relay(feed, publisher)
    while running.step():
        publisher.acknowledge()
    assert sent(publisher) == list(range(1, 1201))
    feed.records.append(record(1201))
    running.step()
    assert sent(publisher)[1200:] == [1201]


def test_the_checkpoint_stops_before_the_first_unacknowledged() -> None:
    feed, publisher = ListFeed(3), FakePublisher()
    running = relay(feed, publisher)
    running.step()
    first, second, third = publisher.pending
    third(True)
    second(True)
    running._finish()
    assert feed.checkpoint == 0
    first(True)
    running._finish()
    assert feed.checkpoint == 3


def test_after_a_failed_send_it_starts_again_behind_the_checkpoint() -> None:
    feed, publisher = ListFeed(4), FakePublisher()
    running = relay(feed, publisher)
    running.step()
    publisher.acknowledge(2)
    publisher.acknowledge(1, ok=False)
    publisher.acknowledge(1)  # a later one that got through must not move the checkpoint past the failed one
    with pytest.raises(BrokerUnavailable):
        running.step()
    publisher.drop()
    running.step()
    assert sent(publisher) == [1, 2, 3, 4, 3, 4]


def test_a_new_client_gets_everything_the_old_one_had_not_acknowledged() -> None:
    feed, publisher = ListFeed(3), FakePublisher()
    running = relay(feed, publisher)
    running.step()
    publisher.acknowledge(1)
    publisher.drop()
    running.step()
    assert sent(publisher) == [1, 2, 3, 2, 3]


def test_a_restarted_relay_goes_on_behind_the_saved_checkpoint() -> None:
    feed, publisher = ListFeed(5), FakePublisher()
    feed.checkpoint = 3
    relay(feed, publisher).step()
    assert sent(publisher) == [4, 5]


def test_without_a_broker_nothing_is_read() -> None:
    feed, publisher = ListFeed(1), FakePublisher()
    publisher.connected = False
    assert relay(feed, publisher).step() is False
    assert publisher.sent == []
