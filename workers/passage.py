"""An event's way, told once it is over: the histograms of its hops, and the spans of its trace."""

from __future__ import annotations

import logging
from typing import Protocol

from db.hops import Passed
from db.queries import epoch_us
from telemetry import tracing
from telemetry.metrics import METRICS
from workers.inbox import Effect
from workers.policy import describe

log = logging.getLogger(__name__)

_END_TO_END = ("end_to_end",)


class Measure(Protocol):
    def add(self, passed: Passed) -> None: ...


def measure_passage(measure: Measure, effect: Effect, persisted_us: int, retry_topic: str) -> None:
    """Hand on when the event passed each hop. Raises nothing: what fails here loses a point of a chart."""
    event_id, message = effect.record.id, effect.message
    try:
        measure.add(Passed(event_id, "captured", effect.captured_us, "capture"))
        if message.topic != retry_topic:  # else it is when it was sent again, not when capture published it
            measure.add(Passed(event_id, "published", message.publish_us, "producer"))
        measure.add(Passed(event_id, "received", message.received_us, "host"))
        measure.add(Passed(event_id, "persisted", persisted_us, "host"))
        _tell(effect, persisted_us)
    except Exception as error:
        log.warning("event %s is not measured: %s", event_id, describe(error))


def _tell(effect: Effect, persisted_us: int) -> None:
    message, record = effect.message, effect.record
    occurred_us = epoch_us(record.occurred_at)
    at = occurred_us
    for labels, then in (
        (("occurred_captured",), effect.captured_us),
        (("captured_published",), message.publish_us),
        (("published_received",), message.received_us),
        (("received_persisted",), persisted_us),
    ):
        METRICS.observe("hop", labels, (then - at) / 1e6)
        at = then
    METRICS.observe("hop", _END_TO_END, (persisted_us - occurred_us) / 1e6)
    if tracing.enabled() and record.traceparent:
        _trace(effect, occurred_us, persisted_us)


def _trace(effect: Effect, occurred_us: int, persisted_us: int) -> None:
    """Capture, delivery, notification, each following from the one before.

    Nothing of ours runs where the row is captured: that span is derived from the times in envelope and message, and
    says so. The relay's own, where there is a relay, stands beside it.
    """
    message, record = effect.message, effect.record
    event = {"alpes.event_id": record.id, "alpes.event_type": record.type, "alpes.commission_id": record.aggregate_id}
    captured = tracing.past(
        "capture", record.traceparent, occurred_us, effect.captured_us, event | {"alpes.derived": True}, "producer"
    )
    broker = {"messaging.system": "pulsar", "messaging.destination.name": message.topic}
    delivered = tracing.past(
        "publish and receive",
        captured,
        message.publish_us,
        message.received_us,
        event | broker | {"alpes.derived": True},
    )
    tracing.past("notification", delivered, message.received_us, persisted_us, event | broker, "consumer")
