"""Report the hops of an event after it was persisted: a line in the log, timestamps, histograms, the spans of its trace."""

from __future__ import annotations

import logging
from typing import Protocol

from db.hops import HopTime
from domain.clock import epoch_us
from telemetry import tracing
from telemetry.metrics import METRICS
from workers.inbox import Effect
from workers.policy import describe

log = logging.getLogger(__name__)

_END_TO_END = ("end_to_end",)


class Measure(Protocol):
    """The store of timestamps: db.hops.HopRecorder."""

    def add(self, passed: HopTime) -> None: ...


def measure_passage(measure: Measure, effect: Effect, persisted_us: int, retry_topic: str) -> None:
    """Report the timestamps of an event. Raise nothing: a failure here costs one point of a chart."""
    event_id, message = effect.record.id, effect.message
    try:
        measure.add(HopTime(event_id, "captured", effect.captured_us, "capture"))
        if message.topic != retry_topic:  # on the retry topic it is the time of the requeue, not of the capture
            measure.add(HopTime(event_id, "published", message.publish_us, "producer"))
        measure.add(HopTime(event_id, "received", message.received_us, "host"))
        measure.add(HopTime(event_id, "persisted", persisted_us, "host"))
        _observe_hops(effect, persisted_us)
    except Exception as error:
        log.warning("the hops of event %s could not be recorded: %s", event_id, describe(error))


def _observe_hops(effect: Effect, persisted_us: int) -> None:
    message, record = effect.message, effect.record
    log.info("notified of %s %s, commission %s", record.type, record.id, record.aggregate_id)
    occurred_us = epoch_us(record.occurred_at)
    previous_us = occurred_us
    for labels, next_us in (
        (("occurred_captured",), effect.captured_us),
        (("captured_published",), message.publish_us),
        (("published_received",), message.received_us),
        (("received_persisted",), persisted_us),
    ):
        METRICS.observe("hop", labels, (next_us - previous_us) / 1e6)
        previous_us = next_us
    METRICS.observe("hop", _END_TO_END, (persisted_us - occurred_us) / 1e6)
    if tracing.enabled() and record.traceparent:
        _record_spans(effect, occurred_us, persisted_us)


def _record_spans(effect: Effect, occurred_us: int, persisted_us: int) -> None:
    """Record spans for capture, delivery and notification, each the parent of the next.

    None of our code runs where Debezium captures the row, so that span is derived from the times in envelope and message and
    is marked as derived. A relay records a span of its own besides.
    """
    message, record = effect.message, effect.record
    event = {"alpes.event_id": record.id, "alpes.event_type": record.type, "alpes.commission_id": record.aggregate_id}
    captured = tracing.record_past(
        "capture", record.traceparent, occurred_us, effect.captured_us, event | {"alpes.derived": True}, "producer"
    )
    broker = {"messaging.system": "pulsar", "messaging.destination.name": message.topic}
    delivered = tracing.record_past(
        "publish and receive",
        captured,
        message.publish_us,
        message.received_us,
        event | broker | {"alpes.derived": True},
    )
    tracing.record_past("notification", delivered, message.received_us, persisted_us, event | broker, "consumer")
