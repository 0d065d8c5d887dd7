"""What was lost, duplicated and reordered is counted from what the consumer received against what was committed."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from bench.peers.counting import Committed, Outcome, Receipt, count, first_received_us, measure_delays
from bench.peers.reading import read_receipt
from connectors import envelope
from connectors.broker import Received
from domain.clock import utc_now
from domain.outbox import OutboxRecord


def committed(number: int, aggregate: str = "a", version: int = 1, began_us: int = 0) -> Committed:
    return Committed(f"event-{number}", aggregate, version, began_us, began_us + 500)


def receipt(
    number: int, aggregate: str = "a", version: int = 1, message: str | None = None, received_us: int = 0
) -> Receipt:
    return Receipt(f"event-{number}", aggregate, version, message or f"message-{number}", received_us, 900)


def outcome(committed_count: int, received: int, **counts: int) -> Outcome:
    names = ("lost", "duplicates", "redeliveries", "reordered", "never_committed")
    return Outcome(committed_count, received, **{name: counts.get(name, 0) for name in names})


def test_events_that_arrive_once_and_in_order_are_neither() -> None:
    events = [committed(1), committed(2, version=2), committed(3, "b")]
    receipts = [receipt(1), receipt(3, "b"), receipt(2, version=2)]
    assert count(events, receipts) == outcome(3, 3)


def test_what_is_not_received_is_lost_however_often_others_are() -> None:
    events = [committed(number, f"{number}") for number in range(4)]
    receipts = [receipt(0, "0"), receipt(0, "0", message="again"), receipt(2, "2")]
    assert count(events, receipts) == outcome(4, 2, lost=2, duplicates=1)
    assert count(events, []) == outcome(4, 0, lost=4)


def test_another_message_of_an_event_is_a_duplicate_and_the_same_message_is_a_redelivery() -> None:
    receipts = [receipt(1), receipt(1), receipt(1, message="other"), receipt(1, message="other"), receipt(1)]
    assert count([committed(1)], receipts) == outcome(1, 1, duplicates=1, redeliveries=3)


@pytest.mark.parametrize(
    ("versions", "reordered"),
    [([1, 2, 3], 0), ([2, 1, 3], 1), ([3, 2, 1], 2), ([3, 1, 2], 2), ([1, 3, 2], 1)],
)
def test_an_event_behind_a_later_one_of_its_commission_is_reordered(versions: list[int], reordered: int) -> None:
    events = [committed(version, version=version) for version in versions]
    receipts = [receipt(version, version=version) for version in versions]
    assert count(events, receipts) == outcome(3, 3, reordered=reordered)


def test_the_order_of_other_commissions_does_not_count() -> None:
    events = [committed(1, "a", 2), committed(2, "b", 1)]
    assert count(events, [receipt(1, "a", 2), receipt(2, "b", 1)]) == outcome(2, 2)


def test_a_later_message_of_an_event_that_was_in_order_is_no_disorder() -> None:
    events = [committed(1), committed(2, version=2)]
    receipts = [receipt(1), receipt(2, version=2), receipt(1, message="again")]
    assert count(events, receipts) == outcome(2, 2, duplicates=1)


def test_an_event_that_nobody_committed_is_counted_apart() -> None:
    assert count([committed(1)], [receipt(1), receipt(9, "z")]) == outcome(1, 1, never_committed=1)


def test_a_delay_ends_with_the_first_receipt_and_lost_events_have_none() -> None:
    events = [committed(1, began_us=1000), committed(2, began_us=2000), committed(3)]
    receipts = [
        receipt(1, received_us=4000),
        receipt(2, received_us=7000),
        receipt(1, message="again", received_us=90_000),
    ]
    assert first_received_us(receipts) == {"event-1": 4000, "event-2": 7000}
    assert measure_delays(events, receipts)["p50"] == 4.0
    with pytest.raises(ValueError, match="no values"):
        measure_delays([committed(3)], receipts)


def received(value: bytes) -> Received:
    return Received("topic", "1:2", None, value, {}, 0, 0, 0, 12_345)


def test_a_receipt_is_read_from_the_envelope_that_all_publishers_write() -> None:
    record = OutboxRecord(7, "e", "commission", "c", 2, "CommissionApproved", 1, "{}", "r", None, utc_now())
    _key, value = envelope.encode(record, 0)
    read = read_receipt(received(value))
    assert read is not None
    assert astuple(read) == ("e", "c", 2, "1:2", 12_345, len(value))


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b"7", b'{"after": null}', b'{"after": {"id": "e"}}', b"\xff"])
def test_a_message_without_a_row_is_no_receipt(value: bytes) -> None:
    assert read_receipt(received(value)) is None
