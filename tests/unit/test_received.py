"""Test that a delivery is read from the client even when its producer sent malformed fields."""

from __future__ import annotations

from connectors.broker import _to_received


class Hostile:
    """The client's message, whose key and properties are no UTF-8: its accessors raise."""

    def topic_name(self) -> str:
        return "persistent://public/default/events-partition-3"

    def message_id(self) -> str:
        return "(1,2,-1,-1)"

    def partition_key(self) -> str:
        return b"\xff".decode()

    def properties(self) -> dict[str, str]:
        return {b"\xfe".decode(): ""}

    def data(self) -> bytes:
        return b"\xff"

    def publish_timestamp(self) -> int:
        return 1

    event_timestamp = redelivery_count = publish_timestamp


def test_a_malformed_key_loses_only_the_key() -> None:
    received = _to_received(Hostile())
    assert (received.key, received.properties, received.value) == (None, {}, b"\xff")
    assert (received.topic, received.publish_us) == ("persistent://public/default/events", 1000)
