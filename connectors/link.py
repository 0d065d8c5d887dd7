"""Keep one consumer or producer connected.

The C++ client alone doubles its wait up to a minute while the broker is down, and Python cannot set that. So a check of
our own decides here: when a broker answers and the client still has no connection, a new client replaces it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import Any

import pulsar

from connectors.client import Broker, BrokerUnavailable

log = logging.getLogger(__name__)

RETRY_S = 0.1
"""Pause between two checks of the connection."""
REFUSED_S = 0.2
"""Pause before the next attempt after a refusal."""
ASKS_EVERY_S = 2.0
"""How often an idle client asks the broker something. The client's own pings, every 30 s, cannot be set from Python."""
GRACE_S = 0.3
"""How long the client may take to reconnect by itself when the port answers again."""


class Link(ABC):
    """A client with one consumer or producer, which is replaced when it lost a broker that answers again."""

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker = broker
        self._name = name
        self._client: pulsar.Client | None = None
        self._end: Any = None
        self._checked_at = 0.0
        self._back_since: float | None = None
        self._retry_at = 0.0
        self._asked_at = time.monotonic()
        self._asking: threading.Thread | None = None
        self.refusal = ""
        """Why the broker refused the last attempt to connect; empty after a success."""
        self.generation = 0
        """Increases with each new client. Messages received or sent through an older one are void."""

    @abstractmethod
    def _open(self, client: pulsar.Client) -> Any: ...

    def ensure(self) -> bool:
        """Open the consumer or producer again if needed. Return whether it is usable now. This never blocks for long."""
        if self._end is None:
            return self._reopen()
        now = time.monotonic()
        if now - self._checked_at < RETRY_S:
            return True
        self._checked_at = now
        self._ask(now)
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

    def _ask(self, now: float) -> None:
        """Send the broker a question now and then, and ignore the answer.

        A consumer only listens. If the other end of its connection is gone, it learns of it when it sends something.
        """
        is_asking = self._asking is not None and self._asking.is_alive()
        if is_asking or self._client is None or now - self._asked_at < ASKS_EVERY_S:
            return
        self._asked_at = now
        self._asking = threading.Thread(target=_ask, args=(self._client, self._topic_to_ask()), daemon=True)
        self._asking.start()

    @abstractmethod
    def _topic_to_ask(self) -> str: ...

    def drop(self) -> None:
        """Discard the client without waiting for the broker."""
        client, self._client, self._end, self._back_since = self._client, None, None, None
        if client is not None:
            abandon(client)

    def close(self) -> None:
        """Close the client in order: acknowledgements are sent, and the next consumer need not wait for this one to time out."""
        if self._client is not None and self._broker.reachable():
            with contextlib.suppress(pulsar.PulsarException):
                self._client.close()
            self._client = self._end = None
        else:
            self.drop()

    def _reopen(self) -> bool:
        if time.monotonic() < self._retry_at or not self._broker.reachable():
            return False
        try:
            client = self._broker.client()
        except BrokerUnavailable as error:
            return self._note_refusal(str(error))
        try:
            self._end = self._open(client)
        except pulsar.PulsarException as error:
            abandon(client)
            return self._note_refusal(self._broker.explain(error, self._describe_request()))
        self._client = client
        self.refusal = ""
        self._back_since = None
        self.generation += 1
        log.info("%s: connected", self._name)
        return True

    @abstractmethod
    def _describe_request(self) -> str: ...

    def _note_refusal(self, why: str) -> bool:
        if why != self.refusal:  # several attempts per second must not fill the log
            log.warning("%s: the broker refused the connection, trying again: %s", self._name, why)
        self.refusal = why
        self._retry_at = time.monotonic() + REFUSED_S
        return False


def _ask(client: pulsar.Client, topic: str) -> None:
    with contextlib.suppress(pulsar.PulsarException):
        client.get_topic_partitions(topic)


def abandon(client: pulsar.Client) -> None:
    """Shut a client down in a thread, because `shutdown` may take 5.5 s (measured, pulsar-client 3.13)."""

    def shutdown() -> None:
        with contextlib.suppress(pulsar.PulsarException):
            client.shutdown()

    threading.Thread(target=shutdown, daemon=True).start()
