"""Keep one consumer or producer connected.

While the broker is down, the C++ client doubles the wait before each attempt to reconnect, up to a minute, and Python cannot
change that. So this module checks by itself: when the broker answers and the client still has no connection, a new client
replaces it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import Any

import pulsar

from connectors.client import Broker, BrokerUnavailable, close_client

log = logging.getLogger(__name__)

CHECK_EVERY_S = 0.1
"""Pause between two checks of the connection."""
RETRY_AFTER_REFUSAL_S = 0.2
"""Pause before the next attempt to connect, after the broker refused one."""
ASK_EVERY_S = 2.0
"""Pause between two questions to the broker, which show a lost connection. Python cannot set the client's own pings: 30 s."""
GRACE_S = 0.3
"""How long the client may take to reconnect by itself after the broker's port answers again."""


class Link(ABC):
    """A client with one consumer or producer. It is replaced when the broker answers again and it has not reconnected."""

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker = broker
        self._name = name
        self._client: pulsar.Client | None = None
        self._endpoint: Any = None
        """The client's consumer or producer; None while there is none."""
        self._checked_at = 0.0
        self._reachable_since: float | None = None
        self._retry_at = 0.0
        self._ending: threading.Thread | None = None
        """What ends the previous client, where the next one has to wait for it."""
        self._asked_at = time.monotonic()
        self._asking: threading.Thread | None = None
        self.refusal = ""
        """Why the broker refused the last attempt to connect; empty after a success."""
        self.generation = 0
        """Increases with each new client. Messages received or sent through an older one are void."""

    _must_be_alone = False
    """Whether the previous client must have ended before the next one connects, although the broker would admit both."""

    @abstractmethod
    def _open(self, client: pulsar.Client) -> Any: ...

    def ensure_connected(self) -> bool:
        """Open the consumer or producer again if needed, and return whether there is one. This never blocks for long."""
        if self._endpoint is None:
            return self._reopen()
        now = time.monotonic()
        if now - self._checked_at < CHECK_EVERY_S:
            return True
        self._checked_at = now
        self._ask(now)
        if self._endpoint.is_connected() or not self._broker.reachable():
            self._reachable_since = None
        elif self._reachable_since is None:
            self._reachable_since = now
        elif now - self._reachable_since > GRACE_S:
            self.drop()
            return False  # the next call connects, which may take seconds: whoever asked can say first that it is not connected
        return True

    @property
    def connected(self) -> bool:
        return self._endpoint is not None and bool(self._endpoint.is_connected())

    def _ask(self, now: float) -> None:
        """Ask the broker something now and then, and ignore the answer.

        A consumer only listens, so it does not see that its connection is lost until it sends something.
        """
        is_asking = self._asking is not None and self._asking.is_alive()
        if is_asking or self._client is None or now - self._asked_at < ASK_EVERY_S:
            return
        self._asked_at = now
        self._asking = threading.Thread(target=_ask, args=(self._client, self._topic_to_ask()), daemon=True)
        self._asking.start()

    @abstractmethod
    def _topic_to_ask(self) -> str: ...

    def drop(self) -> None:
        """Discard the client without waiting for the broker."""
        was_connected = self.connected
        client, self._client, self._endpoint, self._reachable_since = self._client, None, None, None
        if client is not None:
            ending = abandon_client(client)
            self._ending = ending if was_connected and self._must_be_alone else None

    def close(self) -> None:
        """Close the client and wait for it: acknowledgements are sent, and the next consumer need not wait for a timeout."""
        if self._client is not None and self._broker.reachable():
            close_client(self._client)
            self._client = self._endpoint = None
        else:
            self.drop()

    def _reopen(self) -> bool:
        if time.monotonic() < self._retry_at or not self._broker.reachable():
            return False
        if self._ending is not None and self._ending.is_alive():
            return False
        try:
            client = self._broker.client()
        except BrokerUnavailable as error:
            return self._note_refusal(str(error))
        try:
            self._endpoint = self._open(client)
        except pulsar.PulsarException as error:
            abandon_client(client)
            return self._note_refusal(self._broker.explain(error, self._describe_request()))
        self._client = client
        self.refusal = ""
        self._reachable_since = None
        self.generation += 1
        log.info("%s: connected", self._name)
        return True

    @abstractmethod
    def _describe_request(self) -> str: ...

    def _note_refusal(self, why: str) -> bool:
        if why != self.refusal:  # several attempts per second must not fill the log
            log.warning("%s: the broker refused the connection, trying again: %s", self._name, why)
        self.refusal = why
        self._retry_at = time.monotonic() + RETRY_AFTER_REFUSAL_S
        return False


def _ask(client: pulsar.Client, topic: str) -> None:
    with contextlib.suppress(pulsar.PulsarException):
        client.get_topic_partitions(topic)


def abandon_client(client: pulsar.Client) -> threading.Thread:
    """Shut a client down in the returned thread, because `shutdown` may take 5.5 s (measured, pulsar-client 3.13)."""

    def shutdown() -> None:
        with contextlib.suppress(pulsar.PulsarException):
            client.shutdown()

    thread = threading.Thread(target=shutdown, daemon=True)
    thread.start()
    return thread
