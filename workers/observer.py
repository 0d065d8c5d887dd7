"""Run the observer, which records every message on the topics through its own durable subscriptions.

The subscriptions exist before the first message, so the observer counts everything that was published.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace

from connectors import envelope
from connectors.broker import Broker, Received, Subscription
from connectors.envelope import Inserted, Skipped, Unreadable
from db import error_codes
from db.error_codes import Kind
from domain import contents, contract
from settings import Settings, Topics
from workers import handling, policy
from workers.consumer import Inlet
from workers.consumer_type import choose_type_of_only_consumer
from workers.handling import Handling
from workers.heartbeat import Heartbeat
from workers.local_failures import LocalFailures
from workers.observer_records import Observed
from workers.observer_store import ObserverStore
from workers.process import run
from workers.reading import decode_in_subprocess

log = logging.getLogger(__name__)

BATCH = 1000
LINGER_S = 0.1
"""How long a batch waits for more messages, so that many of them need one write to disk."""


def build_observed(message: Received, topics: Topics) -> Observed:
    """Return the record of a message, with the fields of its envelope if it has one."""
    event_id = aggregate_id = correlation_id = op = digest = None
    seq = captured_us = version = None
    if message.topic == topics.commands:
        kind = "command"
    else:
        decoded = envelope.decode(message.value)
        kind = envelope.describe(decoded)
        match decoded:
            case Inserted(record=record):
                event_id, aggregate_id, seq = record.id, record.aggregate_id, record.seq
                correlation_id, op, captured_us = record.correlation_id, decoded.op, decoded.captured_us
                digest, version = contents.of_record(record).digest(), record.version
            case Unreadable(event=event) if event is not None:
                # The event was published, even if its consumer cannot use it.
                event_id, aggregate_id, seq = event.id, event.aggregate_id, event.seq
                correlation_id, op = event.correlation_id or "", event.op if event.seq is not None else None
            case Skipped() | Unreadable():
                aggregate_id = envelope.decode_key(message.key or "")
    return Observed(
        topic=message.topic,
        message_id=message.message_id,
        key=message.key,
        aggregate_id=aggregate_id,
        event_id=event_id,
        seq=seq,
        type=kind,
        correlation_id=correlation_id,
        op=op,
        captured_us=captured_us,
        publish_us=message.publish_us,
        event_us=message.event_us,
        observed_us=message.received_us,
        properties=dict(message.properties),
        value=contract.truncate_body(message.value),
        contents=digest,
        version=version,
    )


def build_unreadable(message: Received, why: str) -> Observed:
    """Return the record of a message whose contents are unknown; `why` takes the place of its type."""
    return Observed(
        topic=message.topic,
        message_id=message.message_id,
        key=None,
        aggregate_id=None,
        event_id=None,
        seq=None,
        type=why,
        correlation_id=None,
        op=None,
        captured_us=None,
        publish_us=message.publish_us,
        event_us=0,
        observed_us=message.received_us,
        properties={},
        value=message.value,
    )


def _observe_in_subprocess(message: Received) -> Observed:
    """Return the record of a message that ended observers: a subprocess decodes it."""
    record = decode_in_subprocess(message)
    observed = build_unreadable(message, policy.KILLED_WORKER)
    if record is None:
        return observed
    return replace(
        observed,
        event_id=record.id,
        aggregate_id=record.aggregate_id,
        seq=record.seq,
        correlation_id=record.correlation_id,
        op="c",
        contents=contents.of_record(record).digest(),
        version=record.version,
    )


class Observer:
    """Records every message, as unreadable when it cannot be read or stored. No message ends the loop."""

    def __init__(
        self,
        store: ObserverStore,
        inlet: Inlet,
        topics: Topics,
        stop: threading.Event,
        handling: Handling,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._inlet = inlet
        self._topics = topics
        self._stop = stop
        self._handling = handling
        self._beat = beat

    @property
    def busy(self) -> bool:
        return self._handling.busy

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step(0.5, LINGER_S)
            except Exception:
                log.exception(
                    "unexpected error: the observer reconnects and receives the unacknowledged messages again"
                )
                self._inlet.drop()
                self._stop.wait(policy.RECHECK_S)
            self._beat()

    def step(self, timeout_s: float, linger_s: float = 0.0) -> None:
        batch = self._inlet.receive(BATCH, timeout_s)
        if batch and len(batch) < BATCH and linger_s:
            self._stop.wait(linger_s)
            batch += self._inlet.receive(BATCH, 0)
        if batch:
            self._handling.recover()
        for group in self._handling.groups(batch):
            self._beat()
            if self._record(group):
                self._inlet.acknowledge(group)
                self._handling.finish(group)

    def _record(self, group: list[Received]) -> bool:
        """Record a group and return whether that was done; False when the observer is told to stop first."""
        try:
            return self._write([self._observe(message) for message in group])
        except Exception as error:
            if len(group) > 1:
                return all(self._record([message]) for message in group)
            log.error(
                "message %s is recorded without some of its fields: %s", group[0].message_id, policy.describe(error)
            )
        return self._record_less(group[0])

    def _record_less(self, message: Received) -> bool:
        """Record as much of the message as can be read and stored."""
        forms: list[Callable[[], Observed]] = [
            lambda: replace(self._observe(message), key=None, properties={}, event_us=0),
            lambda: build_unreadable(message, "unreadable"),
        ]
        for form in forms:
            with contextlib.suppress(Exception):
                return self._write([form()])
        return self._write([replace(build_unreadable(message, "unreadable"), value=b"")])

    def _observe(self, message: Received) -> Observed:
        self._beat()
        if self._handling.fatal_deaths(message):
            return _observe_in_subprocess(message)
        return build_observed(message, self._topics)

    def _write(self, batch: list[Observed]) -> bool:
        """Write a batch; retry while the store cannot be written. Return False when the observer is told to stop first."""
        while not self._stop.is_set():
            try:
                self._store.record(batch, self._topics.carrying_events())
                return True
            except sqlite3.Error as error:
                kind = error_codes.of_sqlite(getattr(error, "sqlite_errorcode", 0))
                if kind not in (Kind.UNAVAILABLE, Kind.REFUSED, Kind.CONFLICT):
                    raise
                log.error(
                    "the observer cannot write its store, so the counts of published events do not change: %s", error
                )
                self._beat()
                with self._handling.paused():
                    self._stop.wait(1)
        return False


def main(settings: Settings, stop: threading.Event) -> None:
    topics = settings.topics
    store = ObserverStore(settings.observer_store, write=True)
    subscription = Subscription(
        Broker(settings),
        topics.observed(),
        settings.observer_subscription,
        consumer_type=choose_type_of_only_consumer(settings),
        queue_size=200,
    )
    heart = Heartbeat(settings, "observer")
    heart.beat(False)  # the process runs, but is not connected yet
    counts = LocalFailures(settings.run / "in-work" / "observer.failures.json")
    work = handling.open_for_component(settings, "observer", counts, topics.observed())
    observer = Observer(
        store, subscription, topics, stop, work, lambda: heart.beat(subscription.connected, observer.busy)
    )
    try:
        observer.run()
        work.close()  # not in `finally`: when an exception ends the process, the message in work is the suspect
    finally:
        subscription.close()
        store.close()


if __name__ == "__main__":
    run("observer", main)
