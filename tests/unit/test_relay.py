"""Test the relay: it keeps the order, skips no row, and its checkpoint follows the acknowledgements."""

from __future__ import annotations

import json
import threading
from contextlib import AbstractContextManager
from typing import cast

import pulsar
import pytest

from connectors.broker import BrokerUnavailable, Publisher
from connectors.relay import ATTEMPTS, PAGE, Relay
from connectors.sending import Sent, classify
from domain.outbox import OutboxRecord, UnreadableRow
from tests.builders import record
from tests.fakes import FakePublisher
from workers.relay import BeatingFeed


class ListFeed:
    def __init__(self, count: int) -> None:
        self.records: list[OutboxRecord | UnreadableRow] = [record(seq) for seq in range(1, count + 1)]
        self.checkpoint = 0
        self.parked: dict[int, tuple[str, str]] = {}

    def park(self, seq: int, reason: str, detail: str) -> bool:
        return self.parked.setdefault(seq, (reason, detail)) == (reason, detail)

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        return [row for row in self.records if row.seq > seq][:limit]

    def load_checkpoint(self) -> int:
        return self.checkpoint

    def save_checkpoint(self, seq: int) -> None:
        self.checkpoint = seq


def sent(publisher: FakePublisher) -> list[int]:
    return [json.loads(value)["after"]["seq"] for value, _ in publisher.sent]


def drain(running: Relay, publisher: FakePublisher) -> None:
    while running.step():
        publisher.acknowledge()


def relay(feed: ListFeed, publisher: FakePublisher) -> Relay:
    return Relay(feed, cast(Publisher, publisher), lambda seconds: None)


def test_records_are_published_once_and_in_order() -> None:
    feed, publisher = ListFeed(1200), FakePublisher()
    running = relay(feed, publisher)
    drain(running, publisher)
    assert sent(publisher) == list(range(1, 1201))
    feed.records.append(record(1201))
    running.step()
    assert sent(publisher)[1200:] == [1201]


def test_the_checkpoint_stops_before_the_first_unacknowledged() -> None:
    feed, publisher = ListFeed(3), FakePublisher()
    running = relay(feed, publisher)
    running.step()
    first, second, third = publisher.pending
    third(Sent.ACKNOWLEDGED, "Ok")
    second(Sent.ACKNOWLEDGED, "Ok")
    running._finish()
    assert feed.checkpoint == 0
    first(Sent.ACKNOWLEDGED, "Ok")
    running._finish()
    assert feed.checkpoint == 3


def test_after_a_failure_publishing_starts_again_after_the_checkpoint() -> None:
    feed, publisher = ListFeed(4), FakePublisher()
    running = relay(feed, publisher)
    running.step()
    publisher.acknowledge(2)
    publisher.acknowledge(1, Sent.UNAVAILABLE)
    publisher.acknowledge(1)  # a later one that got through must not move the checkpoint past the failed one
    with pytest.raises(BrokerUnavailable):
        running.step()
    publisher.drop()
    running.step()
    assert sent(publisher) == [1, 2, 3, 4, 3, 4]


def test_a_new_client_publishes_everything_that_the_old_one_had_not_acknowledged() -> None:
    feed, publisher = ListFeed(3), FakePublisher()
    running = relay(feed, publisher)
    running.step()
    publisher.acknowledge(1)
    publisher.drop()
    running.step()
    assert sent(publisher) == [1, 2, 3, 2, 3]


def test_a_restarted_relay_continues_after_the_saved_checkpoint() -> None:
    feed, publisher = ListFeed(5), FakePublisher()
    feed.checkpoint = 3
    relay(feed, publisher).step()
    assert sent(publisher) == [4, 5]


def test_without_a_broker_nothing_is_read() -> None:
    feed, publisher = ListFeed(1), FakePublisher()
    publisher.connected = False
    assert relay(feed, publisher).step() is False
    assert publisher.sent == []


def too_large(seq: int, publisher: FakePublisher) -> OutboxRecord:
    return record(seq, payload=json.dumps("x" * publisher.largest))


@pytest.mark.parametrize("behind", [3, 600])
def test_a_row_too_large_for_the_broker_is_parked_and_the_next_ones_are_published_once_and_in_order(
    behind: int,
) -> None:
    feed, publisher = ListFeed(2 + behind), FakePublisher()
    feed.records[1] = too_large(2, publisher)
    running = relay(feed, publisher)
    drain(running, publisher)
    assert sent(publisher) == [1, *range(3, 3 + behind)]
    assert list(feed.parked) == [2]
    assert feed.parked[2][0] == "unpublishable"
    assert "MessageTooBig" in feed.parked[2][1]
    running._finish()
    assert feed.checkpoint == 2 + behind
    assert publisher.generation == 1


def test_the_checkpoint_passes_a_parked_row_at_the_end() -> None:
    feed, publisher = ListFeed(2), FakePublisher()
    feed.records[1] = too_large(2, publisher)
    running = relay(feed, publisher)
    drain(running, publisher)
    running._finish()
    assert (feed.checkpoint, list(feed.parked)) == (2, [2])


def test_the_checkpoint_waits_until_a_refused_row_is_parked() -> None:
    feed, publisher = ListFeed(2), FakePublisher()
    running = relay(feed, publisher)
    running.step()
    publisher.acknowledge(1, Sent.REFUSED)
    publisher.acknowledge()
    running._finish()
    assert (feed.checkpoint, feed.parked) == (0, {})
    running.step()
    running._finish()
    assert (feed.checkpoint, list(feed.parked)) == (2, [1])


@pytest.mark.parametrize(
    "spoilt",
    [
        UnreadableRow(2, "e", "a", "id must be a text"),
        record(2, payload="\ud800"),
        record(2, occurred_at="yesterday"),
        record(2, correlation_id=float("nan")),
        record(2, type=b"CommissionCalculated"),
    ],
    ids=["unreadable", "half a surrogate", "no time", "NaN", "bytes"],
)
def test_a_row_that_is_no_event_is_parked_and_hides_no_other(spoilt: OutboxRecord | UnreadableRow) -> None:
    feed, publisher = ListFeed(3), FakePublisher()
    feed.records[1] = spoilt
    drain(relay(feed, publisher), publisher)
    assert sent(publisher) == [1, 3]
    assert feed.parked[2][0] == "bad_row"


def test_a_row_that_keeps_failing_for_an_unknown_reason_is_parked() -> None:
    feed, publisher = ListFeed(3), FakePublisher()
    running = relay(feed, publisher)
    for _ in range(ATTEMPTS):
        running.step()
        publisher.acknowledge(len(publisher.pending) - 2)
        publisher.acknowledge(1, Sent.FAILED)
        with pytest.raises(BrokerUnavailable, match="row 2"):
            running.step()
        publisher.drop()
    drain(running, publisher)
    assert feed.parked[2][0] == "failed_too_often"
    assert sent(publisher)[-1] == 3
    assert sent(publisher).count(2) == ATTEMPTS


def test_an_unavailable_broker_never_parks_a_row() -> None:
    feed, publisher = ListFeed(1), FakePublisher()
    running = relay(feed, publisher)
    for _ in range(ATTEMPTS * 3):
        running.step()
        publisher.acknowledge(1, Sent.UNAVAILABLE)
        with pytest.raises(BrokerUnavailable):
            running.step()
        publisher.drop()
    assert feed.parked == {}


def test_the_clients_codes_distinguish_the_message_from_the_broker() -> None:
    kinds = {Sent.ACKNOWLEDGED: {"Ok"}, Sent.REFUSED: {"MessageTooBig", "InvalidMessage"}}
    kinds[Sent.FAILED] = {"UnknownError", "CryptoError", "OperationNotSupported"}
    known = {name for names in kinds.values() for name in names}
    for name, result in pulsar.Result.__members__.items():
        expected = next((kind for kind, names in kinds.items() if name in names), Sent.UNAVAILABLE)
        assert classify(result) is expected, name
    assert known <= set(pulsar.Result.__members__)


def test_the_relay_beats_at_every_page() -> None:
    """The heart beats in the wait: a backlog must not keep the relay from it."""
    stop, beats = threading.Event(), 0
    publisher = FakePublisher()

    def wait(seconds: float) -> None:
        nonlocal beats
        beats += 1
        publisher.acknowledge()
        if seconds:
            stop.set()

    Relay(ListFeed(10 * PAGE), publisher, wait).run(stop)  # type: ignore[arg-type]
    assert len(publisher.sent) == 10 * PAGE
    assert beats >= 10


def test_a_heartbeat_goes_on_during_each_request_to_the_database() -> None:
    entered: list[str] = []

    class Waiting(AbstractContextManager[None]):
        def __enter__(self) -> None:
            entered.append("begin")

        def __exit__(self, *_: object) -> None:
            entered.append("end")

    class Rows:
        def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
            entered.append("after")
            return []

        def load_checkpoint(self) -> int:
            entered.append("load")
            return 7

        def save_checkpoint(self, seq: int) -> None:
            entered.append(f"save {seq}")

        def park(self, seq: int, reason: str, detail: str) -> bool:
            entered.append(f"park {seq} {reason} {detail}")
            return True

    feed = BeatingFeed(Rows(), Waiting())
    assert (feed.after(0, 1), feed.load_checkpoint(), feed.park(2, "r", "d")) == ([], 7, True)
    feed.save_checkpoint(3)
    requests = ["after", "load", "park 2 r d", "save 3"]
    assert entered == [word for request in requests for word in ("begin", request, "end")]
