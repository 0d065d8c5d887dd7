"""The observer: sees every message of the instance's topics through durable subscriptions of its own, and records it.

Its subscriptions are made before any load, so what it counts as published is everything that was.
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
from workers.handling import Handling
from workers.heartbeat import Heartbeat
from workers.local_failures import LocalFailures
from workers.observer_store import Observed, ObserverStore
from workers.process import run
from workers.reading import record_aside

log = logging.getLogger(__name__)

BATCH = 1000
LINGER_S = 0.1
"""How long more messages are awaited before a batch is written: one write to disk for many."""


def observe(message: Received, topics: Topics) -> Observed:
    """The record of a message, with what its envelope tells where it has one."""
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
                # It was published, whatever its consumer makes of it.
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


def unreadable(message: Received, why: str) -> Observed:
    """The record of a message of which nothing but its place is known; `why` stands for its type."""
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


def _killed(message: Received) -> Observed:
    """The record of a message that has ended observers: what it tells is read in a process of its own."""
    record = record_aside(message)
    observed = unreadable(message, policy.KILLED_WORKER)
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
    """Records everything there is. What it cannot read or store it records as unreadable; nothing ends it."""

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
                log.exception("the observer begins again with what is not acknowledged")
                self._inlet.drop()
                self._stop.wait(policy.AGAIN_S)
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
                self._handling.settled(group)

    def _record(self, group: list[Received]) -> bool:
        """Whether it is recorded; not when the observer is to stop."""
        try:
            return self._write([self._observe(message) for message in group])
        except Exception as error:
            if len(group) > 1:
                return all(self._record([message]) for message in group)
            log.error("message %s is recorded with less than it holds: %s", group[0].message_id, policy.describe(error))
        return self._record_less(group[0])

    def _record_less(self, message: Received) -> bool:
        """With as much of the message as can be read and stored."""
        forms: list[Callable[[], Observed]] = [
            lambda: replace(self._observe(message), key=None, properties={}),
            lambda: unreadable(message, "unreadable"),
        ]
        for form in forms:
            with contextlib.suppress(Exception):
                return self._write([form()])
        return self._write([replace(unreadable(message, "unreadable"), value=b"")])

    def _observe(self, message: Received) -> Observed:
        if self._handling.fatal(message):
            return _killed(message)
        return observe(message, self._topics)

    def _write(self, batch: list[Observed]) -> bool:
        """Whether it was written: a store that cannot be written now is tried again until the process stops."""
        while not self._stop.is_set():
            try:
                self._store.record(batch, self._topics.carrying_events())
                return True
            except sqlite3.Error as error:
                kind = error_codes.of_sqlite(getattr(error, "sqlite_errorcode", 0))
                if kind not in (Kind.UNAVAILABLE, Kind.REFUSED, Kind.CONFLICT):
                    raise
                log.error("the observer cannot write its store, published counts stand still: %s", error)
                self._beat()
                with self._handling.paused():
                    self._stop.wait(1)
        return False


def main(settings: Settings, stop: threading.Event) -> None:
    topics = settings.topics
    store = ObserverStore(settings.observer_store, write=True)
    subscription = Subscription(Broker(settings), topics.observed(), settings.observer_subscription, queue_size=200)
    heart = Heartbeat(settings, "observer")
    heart.beat(False)  # alive, and not let in yet
    counts = LocalFailures(settings.run / "in-work" / "observer.failures.json")
    work = handling.of_part(settings, "observer", counts, topics.observed())
    observer = Observer(
        store, subscription, topics, stop, work, lambda: heart.beat(subscription.connected, observer.busy)
    )
    try:
        observer.run()
        work.close()  # only here: an exception that ends the process is the message's doing
    finally:
        subscription.close()
        store.close()


if __name__ == "__main__":
    run("observer", main)
