"""Report the hops of events after they were persisted: lines in the log, timestamps, histograms, the spans of their traces."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from db.hops import Timing
from domain.clock import epoch_us
from telemetry import tracing
from telemetry.metrics import METRICS
from workers.inbox import Effect
from workers.policy import describe

log = logging.getLogger(__name__)

_HOPS = (("occurred_captured",), ("captured_published",), ("published_received",), ("received_persisted",))
_END_TO_END = ("end_to_end",)
LINES_PER_BATCH = 10
"""A batch of more events has one line in the log."""


class Measure(Protocol):
    """The store of timestamps: db.hops.HopRecorder."""

    def add(self, passed: Sequence[Timing]) -> None: ...


def measure_passages(measure: Measure, effects: Sequence[Effect], persisted_us: int, retry_topic: str) -> None:
    """Report the timestamps of events that were persisted together. Raise nothing: a failure here costs points of charts."""
    try:
        measure.add([_make_timing(effect, persisted_us, retry_topic) for effect in effects])
        _log(effects)
        _observe_hops(effects, persisted_us)
        if tracing.enabled():
            for effect in effects:
                if effect.record.traceparent:
                    _record_spans(effect, epoch_us(effect.record.occurred_at), persisted_us)
    except Exception as error:
        log.warning("the hops of %d events could not be recorded: %s", len(effects), describe(error))


def _make_timing(effect: Effect, persisted_us: int, retry_topic: str) -> Timing:
    message = effect.message
    return Timing(
        effect.record.id,
        None,
        effect.captured_us,
        # On the retry topic it is the time of the requeue, not of the capture.
        None if message.topic == retry_topic else message.publish_us,
        message.received_us,
        persisted_us,
    )


def _log(effects: Sequence[Effect]) -> None:
    if len(effects) > LINES_PER_BATCH:  # to write each line would take longer than to write the notification
        log.info("notified of %d events, from %s to %s", len(effects), effects[0].record.id, effects[-1].record.id)
        return
    for effect in effects:
        record = effect.record
        log.info("notified of %s %s, commission %s", record.type, record.id, record.aggregate_id)


def _observe_hops(effects: Sequence[Effect], persisted_us: int) -> None:
    times_us = [
        (
            epoch_us(effect.record.occurred_at),
            effect.captured_us,
            effect.message.publish_us,
            effect.message.received_us,
            persisted_us,
        )
        for effect in effects
    ]
    for position, labels in enumerate(_HOPS):
        METRICS.observe_all("hop", labels, [(times[position + 1] - times[position]) / 1e6 for times in times_us])
    METRICS.observe_all("hop", _END_TO_END, [(times[-1] - times[0]) / 1e6 for times in times_us])


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
