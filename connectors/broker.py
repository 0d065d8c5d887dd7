"""The broker's client: consumers and producers that are back as soon as the broker is.

The C++ client alone doubles its wait up to a minute while the broker is down, and Python cannot set that. So here a
plain TCP look decides: the port answers and the client still has no connection → a new client at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pulsar

from connectors.refusals import told
from connectors.sending import MESSAGE_ERRORS, MessageRefused, Sent, classify
from settings import Settings

log = logging.getLogger(__name__)

_PARTITION = re.compile(r"-partition-\d+$")
RETRY_S = 0.1
SPARE_TOPIC = "persistent://public/default/spare"
QUEUE_SIZE = 100
"""Messages that wait in the client. Enough to hide a round trip; not more, because `pulsar-lite` reads all of them again
from its disk whenever two of its dispatchers meet: with 1,000 waiting it stood still for up to 13 s (measured)."""
REFUSED_S = 0.2
"""Between two attempts after a refusal."""
GRACE_S = 0.3
"""How long the client may take to reconnect by itself once the port answers."""


class BrokerUnavailable(Exception):
    """The broker cannot be reached now, or refused; `str(error)` says which."""


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery, with what is needed to acknowledge it."""

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
    """The client's own message."""


class Broker:
    """Where the broker is and how to log in; connects only when asked to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.pulsar_url
        parts = urlsplit(self._url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 6650)

    def client(self) -> pulsar.Client:
        """A client; it connects at its first use. Raises BrokerUnavailable when its token cannot be read."""
        settings = self._settings
        ca, cert, key = settings.pulsar_tls_ca, settings.pulsar_tls_cert, settings.pulsar_tls_key
        return pulsar.Client(
            self._url,
            authentication=self._authentication(),
            operation_timeout_seconds=5,
            connection_timeout_ms=2000,
            tls_trust_certs_file_path=str(ca) if ca else None,
            tls_validate_hostname=settings.pulsar_tls_hostname_check,
            tls_certificate_file_path=str(cert) if cert else None,
            tls_private_key_file_path=str(key) if key else None,
            logger=_client_log(),
        )

    def _authentication(self) -> Any:
        """The token where there is one, else the client certificate as the identity, else none."""
        try:
            token = self._settings.token()
        except OSError as error:
            raise BrokerUnavailable(f"the token of Pulsar cannot be read: {error}") from error
        if token:
            return pulsar.AuthenticationToken(token)
        cert, key = self._settings.pulsar_tls_cert, self._settings.pulsar_tls_key
        return pulsar.AuthenticationTLS(str(cert), str(key)) if cert and key else None

    def told(self, error: Exception, what: str) -> str:
        """A refusal in words; `what` is what was asked, such as `to read topic X`."""
        return told(self._settings, error, what)

    def reachable(self, timeout_s: float = 0.3) -> bool:
        """Whether the broker's port takes connections."""
        with contextlib.suppress(OSError), socket.create_connection(self._address, timeout_s):
            return True
        return False


class _Link:
    """A client with one consumer or producer on it, replaced when it has lost the broker and the broker is back."""

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker = broker
        self._name = name
        self._client: pulsar.Client | None = None
        self._end: Any = None
        self._looked_at = 0.0
        self._back_since: float | None = None
        self._again_at = 0.0
        self.refusal = ""
        """Why the broker did not let us in the last time; empty once it did."""
        self.generation = 0
        """Rises with each new client: what was received or sent through an older one is void."""

    def _open(self, client: pulsar.Client) -> Any:
        raise NotImplementedError

    def ensure(self) -> bool:
        """Open or re-open if needed; whether there is a usable end now. Never blocks for long."""
        if self._end is None:
            return self._reopen()
        now = time.monotonic()
        if now - self._looked_at < RETRY_S:
            return True
        self._looked_at = now
        if self._end.is_connected() or not self._broker.reachable():
            self._back_since = None
        elif self._back_since is None:
            self._back_since = now
        elif now - self._back_since > GRACE_S:
            self.drop()
            return self._reopen()
        return True

    @property
    def connected(self) -> bool:
        return self._end is not None and bool(self._end.is_connected())

    def drop(self) -> None:
        """Forget the client, without waiting for the broker."""
        client, self._client, self._end, self._back_since = self._client, None, None, None
        if client is not None:
            _abandon(client)

    def close(self) -> None:
        """Part from the broker politely: waiting acknowledgements go out, the next consumer need not wait for ours."""
        if self._client is not None and self._broker.reachable():
            with contextlib.suppress(pulsar.PulsarException):
                self._client.close()
            self._client = self._end = None
        else:
            self.drop()

    def _reopen(self) -> bool:
        if time.monotonic() < self._again_at or not self._broker.reachable():
            return False
        try:
            client = self._broker.client()
        except BrokerUnavailable as error:
            return self._refused(str(error))
        try:
            self._end = self._open(client)
        except pulsar.PulsarException as error:
            _abandon(client)
            return self._refused(self._broker.told(error, self._wants()))
        self._client = client
        self.refusal = ""
        self._back_since = None
        self.generation += 1
        log.info("%s: connected", self._name)
        return True

    def _wants(self) -> str:
        raise NotImplementedError

    def _refused(self, why: str) -> bool:
        if why != self.refusal:  # it is asked several times a second
            log.warning("%s: the broker does not let us in yet: %s", self._name, why)
        self.refusal = why
        self._again_at = time.monotonic() + REFUSED_S
        return False


class Subscription(_Link):
    """A durable subscription's consumer. Messages come oldest first and stay the broker's until acknowledged."""

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
        """`queue_size` messages of each topic wait in the client; `numbers_from`: see `_skip_numbers`."""
        super().__init__(broker, name)
        self._numbers_from = numbers_from
        self._topics = list(topics)
        self._type = consumer_type
        self._consumer_name = consumer_name
        self._queue_size = queue_size

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        """What is there now, at most `limit`; waits up to `timeout_s` for the first one. Empty while there is none."""
        if not self.ensure():
            time.sleep(min(timeout_s, RETRY_S))
            return []
        batch: list[Received] = []
        wait_ms = int(timeout_s * 1000)
        try:
            while len(batch) < limit:
                batch.append(_received(self._end.receive(timeout_millis=0 if batch else wait_ms)))
        except pulsar.Timeout:
            pass
        except pulsar.PulsarException as error:
            log.warning("%s: lost the broker: %s", self._name, error)
            self.drop()
        return batch

    def acknowledge(self, batch: Sequence[Received]) -> None:
        """Tell the broker these are done. A lost acknowledgement means a redelivery, which the inbox absorbs."""
        for message in batch:
            try:
                self._end.acknowledge(message.handle)
            except (pulsar.PulsarException, AttributeError) as error:
                log.info("%s: not acknowledged, it will come again: %s", self._name, error)
                return

    def unsubscribe(self) -> None:
        """Remove the subscription from the broker, with its cursor."""
        if self._end is not None:
            self._end.unsubscribe()

    def _skip_numbers(self, client: pulsar.Client) -> None:
        """Use up the client's first consumer numbers.

        `pulsar-lite` 0.2.0 tells the consumers of a Key_Shared subscription apart by the number that their client gave
        them, which is unique on one connection only: a second process's consumer 0 is refused. So each has its own range.
        """
        for _ in range(self._numbers_from):
            spare = client.subscribe(SPARE_TOPIC, f"spare-{os.getpid()}", consumer_type=pulsar.ConsumerType.Shared)
            spare.unsubscribe()
            spare.close()

    def _wants(self) -> str:
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


class Publisher(_Link):
    """A producer of one topic. Sends in order: it never gives up on a message while the connection may return."""

    def __init__(self, broker: Broker, topic: str, send_timeout_s: float = 0) -> None:
        """`send_timeout_s`: 0 waits for ever, since a message that timed out would be overtaken by its successors."""
        super().__init__(broker, topic)
        self._topic = topic
        self._send_timeout_ms = int(send_timeout_s * 1000)

    def send_async(
        self, value: bytes, key: str | None, properties: Mapping[str, str], done: Callable[[Sent, str], None]
    ) -> None:
        """`done(what became of it, the client's word)` is called once, from the client's thread or at once.

        Raises BrokerUnavailable when not connected, MessageRefused for a message that the client does not take.
        """
        if self._end is None:
            raise BrokerUnavailable(f"no connection to the broker for {self._topic}")
        try:
            self._end.send_async(
                value,
                lambda result, _id: done(classify(result), str(result).rpartition(".")[2]),
                partition_key=key,
                properties=dict(properties),
            )
        except MESSAGE_ERRORS as error:
            raise MessageRefused(f"{type(error).__name__}: {error}") from error
        except pulsar.PulsarException as error:
            raise BrokerUnavailable(str(error)) from error

    def send(self, value: bytes, key: str | None = None, properties: Mapping[str, str] | None = None) -> str:
        """Publish and wait for the broker's acknowledgement; the message id.

        Raises BrokerUnavailable, or MessageRefused for a message that can never be published.
        """
        if not self.ensure():
            raise BrokerUnavailable(self.refusal or "the broker does not answer; is it running? `./alpes status` tells")
        try:
            return str(self._end.send(value, partition_key=key, properties=dict(properties or {})))
        except MESSAGE_ERRORS as error:
            raise MessageRefused(f"{len(value)} bytes: {type(error).__name__}: {error}") from error
        except pulsar.PulsarException as error:
            self.drop()
            raise BrokerUnavailable(f"the broker did not take the message: {error}") from error

    def _wants(self) -> str:
        return f"to publish on {self._topic}"

    def _open(self, client: pulsar.Client) -> Any:
        return client.create_producer(
            self._topic,
            batching_enabled=False,  # a batch waits; one message at a time is on its way at once
            send_timeout_millis=self._send_timeout_ms,
            max_pending_messages=2000,
            block_if_queue_full=True,
        )


def _text_of(read: Callable[[], Any]) -> Any:
    """A key or properties; None where they are no UTF-8, as the protocol lets a producer send them."""
    try:
        return read()
    except UnicodeDecodeError:
        return None


def _received(message: Any) -> Received:
    return Received(
        # Of a partitioned topic each partition is a topic of its own, which only the message's id tells apart here.
        topic=_PARTITION.sub("", message.topic_name()),
        message_id=str(message.message_id()),
        key=_text_of(message.partition_key) or None,
        value=message.data(),
        properties=_text_of(message.properties) or {},
        publish_us=message.publish_timestamp() * 1000,
        event_us=message.event_timestamp() * 1000,
        redelivery_count=message.redelivery_count(),
        received_us=time.time_ns() // 1000,
        handle=message,
    )


def _abandon(client: pulsar.Client) -> None:
    """In the background: `shutdown` takes 5.5 s once the broker has answered it (measured, pulsar-client 3.13)."""

    def shutdown() -> None:
        with contextlib.suppress(pulsar.PulsarException):
            client.shutdown()

    threading.Thread(target=shutdown, daemon=True).start()


def _client_log() -> logging.Logger:
    logger = logging.getLogger("pulsar")
    logger.setLevel(logging.CRITICAL)  # the client repeats each failed reconnection; the links above say it once
    return logger
