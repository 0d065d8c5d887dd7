"""Listen to the events of a run with a Pulsar reader, which leaves no subscription on the broker."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pulsar

from connectors import envelope
from connectors.client import Broker, close_client
from connectors.envelope import Inserted
from domain.message import Message
from settings import Settings


class Listener:
    """A reader that calls `visible(event id)` at once when it receives an event of the run for the first time."""

    def __init__(
        self, settings: Settings, correlation_id: str, visible: Callable[[str], bool], failed: Callable[[Message], None]
    ) -> None:
        """Connect. `failed(why)` is called when the listener ends with an error."""
        self.received: dict[str, bool] = {}
        """Event id → whether its row was visible on its first receipt."""
        self._correlation_id = correlation_id
        self._visible = visible
        self._failed = failed
        self._stop = threading.Event()
        self._client = Broker(settings).client()
        self._reader = self._client.create_reader(settings.topics.events, pulsar.MessageId.latest)
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        close_client(self._client)

    def _run(self) -> None:
        try:
            self._listen()
        except Exception as error:
            self._failed(Message("judge.listener_ended", why=f"{type(error).__name__}: {error}"))

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                message = self._reader.read_next(timeout_millis=100)
            # A timeout without a message, or an unavailable broker: the scenario's check notices a missing event.
            except pulsar.PulsarException:
                continue
            match envelope.decode(message.data()):
                case Inserted(record=record) if record.correlation_id == self._correlation_id:
                    if record.id not in self.received:
                        self.received[record.id] = self._visible(record.id)
                case _:
                    continue
