"""Receive from and publish to the broker: consumers and producers that reconnect as soon as the broker is back."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulsar

from connectors.client import Broker as Broker
from connectors.client import BrokerUnavailable as BrokerUnavailable
from connectors.link import CHECK_EVERY_S, RETRY_AFTER_REFUSAL_S, Link, abandon_client
from connectors.sending import MESSAGE_ERRORS, MessageRefused, Sent, classify

log = logging.getLogger(__name__)

_PARTITION = re.compile(r"-partition-\d+$")
REMOVED_WITHIN_S = 15.0
"""How long the removal of a subscription is tried: the embedded broker's healer needs up to 10 s to restart it."""
SPARE_TOPIC = "persistent://public/default/spare"
QUEUE_SIZE = 100
"""Messages that wait in the client: enough to hide a round trip. With 1,000, `pulsar-lite` hung for up to 13 s (measured),
because it reads all of them from disk again whenever two of its dispatchers meet."""


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery, with the client's message that acknowledges it."""

    topic: str
    message_id: str
    key: str | None
    value: bytes
    properties: Mapping[str, str]
    publish_us: int
    event_us: int
    redelivery_count: int
    received_us: int
    handle: Any = None
    """The client's message."""


class Subscription(Link):
    """The consumer of a durable subscription. Messages come oldest first, and the broker keeps them until acknowledged."""

    def __init__(
        self,
        broker: Broker,
        topics: Sequence[str],
        name: str,
        *,
        consumer_type: pulsar.ConsumerType = pulsar.ConsumerType.Exclusive,
        consumer_name: str | None = None,
        queue_size: int = QUEUE_SIZE,
        numbers_from: int = 0,
    ) -> None:
        """`queue_size`: how many messages of each topic wait in the client. `numbers_from`: see `_skip_numbers`."""
        super().__init__(broker, name)
        self._numbers_from = numbers_from
        self._topics = list(topics)
        self._type = consumer_type
        # The old consumer of a Shared subscription would keep older messages than the new one receives.
        self._must_be_alone = consumer_type is pulsar.ConsumerType.Shared
        self._consumer_name = consumer_name
        self._queue_size = queue_size

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        """Return up to `limit` messages that are there now; wait up to `timeout_s` for the first one."""
        if not self.ensure_connected():
            time.sleep(min(timeout_s, CHECK_EVERY_S))
            return []
        batch: list[Received] = []
        wait_ms = int(timeout_s * 1000)
        try:
            while len(batch) < limit:
                batch.append(_to_received(self._endpoint.receive(timeout_millis=0 if batch else wait_ms)))
        except pulsar.Timeout:
            pass
        except pulsar.PulsarException as error:
            log.warning("%s: the connection to the broker is lost: %s", self._name, error)
            self.drop()
        return batch

    def acknowledge(self, batch: Sequence[Received]) -> None:
        """Acknowledge messages. A lost acknowledgement causes a redelivery, which the inbox absorbs."""
        for message in batch:
            try:
                self._endpoint.acknowledge(message.handle)
            except (pulsar.PulsarException, AttributeError) as error:
                log.info("%s: not acknowledged, the message will be redelivered: %s", self._name, error)
                return

    def unsubscribe(self, within_s: float = REMOVED_WITHIN_S) -> None:
        """Close the consumer and remove the subscription from the broker, with its cursor.

        A refusal is repeated for `within_s` seconds: the broker may restart, or not know yet that the last consumer's process
        has ended. Raise BrokerUnavailable after that.
        """
        self.close()
        topics = list(self._topics)
        deadline = time.monotonic() + within_s
        while topics:
            try:
                self._remove_from(topics)
            except BrokerUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_AFTER_REFUSAL_S)

    def _remove_from(self, topics: list[str]) -> None:
        """Remove the subscription from each topic, and that topic from the list. Raise BrokerUnavailable.

        Each topic has a consumer of its own for it: `unsubscribe` of a consumer of several topics once ended the process
        with a segmentation fault in the client's thread (pulsar-client 3.13).
        """
        client = self._broker.client()
        try:
            while topics:
                client.subscribe(topics[0], self._name, consumer_type=self._type, receiver_queue_size=1).unsubscribe()
                del topics[0]
        except pulsar.PulsarException as error:
            request = f"to remove subscription {self._name!r}"
            raise BrokerUnavailable(self._broker.explain(error, request)) from error
        finally:
            abandon_client(client)

    def _skip_numbers(self, client: pulsar.Client) -> None:
        """Use up the client's first consumer numbers.

        `pulsar-lite` 0.2.0 identifies the consumers of a Key_Shared subscription by a number that is unique within one
        connection only, and refuses consumer 0 of a second process. So each process has its own range of numbers.
        """
        for _ in range(self._numbers_from):
            spare = client.subscribe(SPARE_TOPIC, f"spare-{os.getpid()}", consumer_type=pulsar.ConsumerType.Shared)
            spare.unsubscribe()
            spare.close()

    def _topic_to_ask(self) -> str:
        return self._topics[0]

    def _describe_request(self) -> str:
        return f"to read {', '.join(self._topics)} as subscription {self._name!r}"

    def _open(self, client: pulsar.Client) -> Any:
        self._skip_numbers(client)
        return client.subscribe(
            self._topics if len(self._topics) > 1 else self._topics[0],
            self._name,
            consumer_type=self._type,
            consumer_name=self._consumer_name,
            initial_position=pulsar.InitialPosition.Earliest,
            receiver_queue_size=self._queue_size,
            negative_ack_redelivery_delay_ms=1000,
        )


class Publisher(Link):
    """A producer of one topic. It sends in order and never gives up a message while the connection may return."""

    def __init__(self, broker: Broker, topic: str, send_timeout_s: float = 0) -> None:
        """`send_timeout_s`: 0 waits forever, because later messages would overtake one that timed out."""
        super().__init__(broker, topic)
        self._topic = topic
        self._send_timeout_ms = int(send_timeout_s * 1000)

    def send_async(
        self, value: bytes, key: str | None, properties: Mapping[str, str], on_outcome: Callable[[Sent, str], None]
    ) -> None:
        """Send a message. `on_outcome(outcome, name of the client's error)` is called once, in the client's thread or
        immediately.

        Raise BrokerUnavailable when not connected, and MessageRefused for a message that the client does not accept.
        """
        if self._endpoint is None:
            raise BrokerUnavailable(f"no connection to the broker for {self._topic}")
        try:
            self._endpoint.send_async(
                value,
                lambda result, _id: on_outcome(classify(result), str(result).rpartition(".")[2]),
                partition_key=key,
                properties=dict(properties),
            )
        except MESSAGE_ERRORS as error:
            raise MessageRefused(f"{type(error).__name__}: {error}") from error
        except pulsar.PulsarException as error:
            raise BrokerUnavailable(str(error)) from error

    def send(self, value: bytes, key: str | None = None, properties: Mapping[str, str] | None = None) -> str:
        """Publish a message, wait for the broker's acknowledgement, and return the message id.

        Raise BrokerUnavailable, or MessageRefused for a message that can never be published.
        """
        if not self.ensure_connected():
            raise BrokerUnavailable(
                self.refusal or "the broker does not answer; run `./alpes status` to see its health"
            )
        try:
            return str(self._endpoint.send(value, partition_key=key, properties=dict(properties or {})))
        except MESSAGE_ERRORS as error:
            raise MessageRefused(f"{len(value)} bytes: {type(error).__name__}: {error}") from error
        except pulsar.PulsarException as error:
            self.drop()
            raise BrokerUnavailable(f"the broker did not accept the message: {error}") from error

    def _topic_to_ask(self) -> str:
        return self._topic

    def _describe_request(self) -> str:
        return f"to publish on {self._topic}"

    def _open(self, client: pulsar.Client) -> Any:
        return client.create_producer(
            self._topic,
            batching_enabled=False,  # a batch would wait; a single message is sent immediately
            send_timeout_millis=self._send_timeout_ms,
            max_pending_messages=2000,
            block_if_queue_full=True,
        )


def _read_utf8(read: Callable[[], Any]) -> Any:
    """Return a key or properties; None when they are not UTF-8, which the protocol allows a producer to send."""
    try:
        return read()
    except UnicodeDecodeError:
        return None


def _to_microseconds(milliseconds: int) -> int:
    """Return a time that any database can store: a producer may send any 64 bits as one."""
    return min(milliseconds * 1000, 2**63 - 1)


def _to_received(message: Any) -> Received:
    return Received(
        # Each partition is its own topic for the client; here all partitions count as one topic.
        topic=_PARTITION.sub("", message.topic_name()),
        message_id=str(message.message_id()),
        key=_read_utf8(message.partition_key) or None,
        value=message.data(),
        properties=_read_utf8(message.properties) or {},
        publish_us=_to_microseconds(message.publish_timestamp()),
        event_us=_to_microseconds(message.event_timestamp()),
        redelivery_count=message.redelivery_count(),
        received_us=time.time_ns() // 1000,
        handle=message,
    )
