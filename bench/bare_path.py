"""Measure the path of an event through the bare database and broker: a commit, a message, and a second commit."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pulsar
from sqlalchemy import Engine

from bench.bare_commits import BareWriter, now
from connectors.client import Broker, BrokerUnavailable, close_client
from db.tables import notification, processed_message
from domain.changes.calculate import CommissionCalculated
from scenarios.percentiles import percentiles
from scenarios.waiting import TookTooLong
from settings import Settings

MESSAGE_BYTES = 900
"""The size of an event's envelope."""
INTERVAL_S = 0.01
"""Pause between two rounds, as in `bench latency`."""
RECEIVE_TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True)
class BarePath:
    """Medians in milliseconds, measured in one process that does nothing else."""

    commit_p50_ms: float
    """A transaction of two rows."""
    publish_p50_ms: float
    """From the call of the client until the broker's acknowledgement."""
    receive_p50_ms: float
    """From the call of the client that publishes until another client has the message."""
    path_p50_ms: float
    """Commit, publish to receive, commit of a notification and its inbox row; handing the row over costs nothing here."""


@dataclass(slots=True)
class _Durations:
    commit: list[float] = field(default_factory=list)
    publish: list[float] = field(default_factory=list)
    receive: list[float] = field(default_factory=list)
    path: list[float] = field(default_factory=list)


def measure_bare_path(settings: Settings, engine: Engine, topic: str, warm_up: int, rounds: int) -> BarePath:
    """Send `rounds` messages over a topic of their own, each between two commits to the database of `engine`.

    Raise BrokerUnavailable, or TookTooLong when a message is not acknowledged.
    """
    broker = Broker(settings)
    client = broker.client()
    try:
        consumer = client.subscribe(topic, "floor", initial_position=pulsar.InitialPosition.Earliest)
        producer = client.create_producer(topic, batching_enabled=False)
        with BareWriter(engine) as writer:
            durations = _Durations()
            for number in range(warm_up + rounds):
                if number == warm_up:
                    durations = _Durations()
                _send_one(writer, producer, consumer, durations)
                time.sleep(INTERVAL_S)
        with contextlib.suppress(pulsar.PulsarException):
            consumer.unsubscribe()
    except pulsar.PulsarException as error:
        raise BrokerUnavailable(broker.explain(error, f"to send and receive messages on {topic}")) from error
    finally:
        close_client(client)
    p50 = {name: round(percentiles(getattr(durations, name))["p50"], 3) for name in _Durations.__slots__}
    return BarePath(p50["commit"], p50["publish"], p50["receive"], p50["path"])


def _send_one(writer: BareWriter, producer: pulsar.Producer, consumer: pulsar.Consumer, durations: _Durations) -> None:
    acknowledged_at: list[float] = []
    acknowledged = threading.Event()

    def note_acknowledgement(_result: object, _message_id: object) -> None:
        acknowledged_at.append(time.perf_counter())
        acknowledged.set()

    key = str(uuid.uuid4())
    body = key.encode().ljust(MESSAGE_BYTES)
    started_at = time.perf_counter()
    writer.commit()
    committed_at = time.perf_counter()
    producer.send_async(body, note_acknowledgement, partition_key=key)
    message = consumer.receive(timeout_millis=RECEIVE_TIMEOUT_MS)
    received_at = time.perf_counter()
    writer.commit_rows(_make_effect(writer.insert_statement, key, str(message.message_id())))
    persisted_at = time.perf_counter()
    consumer.acknowledge(message)
    if not acknowledged.wait(RECEIVE_TIMEOUT_MS / 1000):
        raise TookTooLong("the broker did not acknowledge a message")
    for values, seconds in (
        (durations.commit, committed_at - started_at),
        (durations.publish, acknowledged_at[0] - committed_at),
        (durations.receive, received_at - committed_at),
        (durations.path, persisted_at - started_at),
    ):
        values.append(seconds * 1000)


def _make_effect(statement: Callable[..., str], key: str, message_id: str) -> list[tuple[str, tuple[object, ...]]]:
    """Return the inserts of a notification and its inbox row."""
    at = now()
    payload = f'{{"commissionId":"{key}","conversionId":"{key}","amount":"12.05","currency":"USD"}}'
    effect = (key, key, 1, CommissionCalculated.type, payload, "floor", "floor", at, at)
    inbox_row = (key, "floor", message_id[:64], 0, "applied", "floor", "floor", at)
    return [(statement(notification), effect), (statement(processed_message), inbox_row)]
