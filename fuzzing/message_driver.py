"""Publish messages on the topic of commands, the topic of events and the retry topic."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pulsar

from connectors.client import Broker, close_client
from fuzzing.inputs import COMMISSION, Message
from fuzzing.outcomes import Declined, Published
from settings import Settings

DECLINES = (pulsar.Result.MessageTooBig, pulsar.Result.InvalidMessage)


class MessageDriver:
    """A driver that calls `on_outcome(message, outcome)` once for each message, from the client's thread."""

    def __init__(
        self,
        settings: Settings,
        commission: Callable[[], str],
        on_outcome: Callable[[Message, Published | Declined], None],
    ) -> None:
        topics = settings.topics
        self._topics = {"commands": topics.commands, "events": topics.events, "retry": topics.retry}
        self._commission = commission
        self._on_outcome = on_outcome
        self._client = Broker(settings).client()
        self._producers: dict[str, Any] = {
            name: self._client.create_producer(
                topic, batching_enabled=False, send_timeout_millis=0, block_if_queue_full=True, max_pending_messages=500
            )
            for name, topic in self._topics.items()
        }

    def close(self) -> None:
        # Without a broker, `close` of the client blocks for long. Pending messages are not awaited.
        closing = threading.Thread(target=close_client, args=(self._client,), daemon=True)
        closing.start()
        closing.join(5)

    def send(self, message: Message) -> None:
        commission_id = self._commission()
        value = message.value.replace(COMMISSION.encode(), commission_id.encode())

        def on_answer(result: Any, message_id: Any) -> None:
            if result == pulsar.Result.Ok:
                self._on_outcome(message, Published(self._topics[message.topic], str(message_id), commission_id))
            else:
                self._on_outcome(message, Declined(str(result)))

        try:
            self._producers[message.topic].send_async(
                value, on_answer, partition_key=message.key, properties=dict(message.properties)
            )
        except (pulsar.PulsarException, TypeError, ValueError) as error:
            self._on_outcome(message, Declined(str(error)))
