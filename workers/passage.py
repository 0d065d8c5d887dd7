"""An event's way, told once it is over: the histograms of its hops, and the spans of its trace."""

from __future__ import annotations

from db.queries import epoch_us
from telemetry import tracing
from telemetry.metrics import METRICS
from workers.inbox import Effect

_END_TO_END = ("end_to_end",)


def told(effect: Effect, persisted_us: int) -> None:
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
