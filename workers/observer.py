"""The observer: sees every message of the instance's topics through durable subscriptions of its own, and records it.

Its subscriptions are made before any load, so what it counts as published is everything that was.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Collection

from connectors import envelope
from connectors.broker import Broker, Received, Subscription
from connectors.envelope import Inserted, Skipped, Unreadable
from domain import contents
from settings import Settings, Topics
from workers.heartbeat import Heartbeat
from workers.observer_store import Observed, ObserverStore
from workers.process import run

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
        value=message.value,
        contents=digest,
        version=version,
    )


def main(settings: Settings, stop: threading.Event) -> None:
    topics = settings.topics
    store = ObserverStore(settings.observer_store, write=True)
    subscription = Subscription(Broker(settings), topics.observed(), settings.observer_subscription, queue_size=200)
    heart = Heartbeat(settings, "observer")
    heart.beat(False)  # alive, and not let in yet
    try:
        while not stop.is_set():
            batch = subscription.receive(BATCH, 0.5)
            heart.beat(subscription.connected)
            if not batch:
                continue
            if len(batch) < BATCH:
                time.sleep(LINGER_S)
                batch += subscription.receive(BATCH, 0)
            if _write(store, [observe(message, topics) for message in batch], topics.carrying_events(), stop):
                subscription.acknowledge(batch)
    finally:
        subscription.close()
        store.close()


def _write(store: ObserverStore, batch: list[Observed], event_topics: Collection[str], stop: threading.Event) -> bool:
    """Whether it was written: a store that cannot be written (disk full) is tried again until the process stops."""
    while not stop.is_set():
        try:
            store.record(batch, event_topics)
            return True
        except sqlite3.OperationalError as error:
            log.error("the observer cannot write its store, published counts stand still: %s", error)
            stop.wait(1)
    return False


if __name__ == "__main__":
    run("observer", main)
