"""The removal of a subscription, on running stacks."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

import pytest

from connectors.broker import Broker, BrokerUnavailable, Publisher, Subscription
from scenarios.waiting import until
from settings import Settings


def test_a_removed_subscription_reads_everything_again(stack: Settings) -> None:
    """Both topics of the subscription lose their cursor, so that a new one of the same name begins at the first message."""
    topics = [stack.topics.naive, f"{stack.topics.naive}-second"]  # topics that no component reads
    subscription = Subscription(Broker(stack), topics, f"removed-{uuid.uuid4().hex[:8]}")
    marker = uuid.uuid4().hex.encode()
    for topic in topics:
        publisher = Publisher(Broker(stack), topic)
        publisher.send(marker)
        publisher.close()

    def read_all() -> set[str]:
        found: set[str] = set()

        def both_topics_are_read() -> bool:
            batch = subscription.receive(100, 0.5)
            subscription.acknowledge(batch)
            found.update(message.topic for message in batch if message.value == marker)
            return len(found) == len(topics)

        until(both_topics_are_read, 30, "the marker of each topic")
        return found

    try:
        first = read_all()
        subscription.unsubscribe()
        assert read_all() == first
    finally:
        subscription.unsubscribe()


def test_a_subscription_that_has_another_consumer_is_removed_as_soon_as_that_one_is_gone(stack: Settings) -> None:
    """What the embedded broker can say of a consumer whose process has ended."""
    topic, name = stack.topics.naive, f"removed-{uuid.uuid4().hex[:8]}"
    other = Subscription(Broker(stack), [topic], name)
    until(other.ensure_connected, 30, "the other consumer is connected")
    removed = Subscription(Broker(stack), [topic], name)
    with pytest.raises(BrokerUnavailable):
        removed.unsubscribe(within_s=0)
    with ThreadPoolExecutor(1) as pool:
        removal = pool.submit(removed.unsubscribe, 60)
        with pytest.raises(FutureTimeout):
            removal.result(1)
        other.close()
        removal.result(60)
