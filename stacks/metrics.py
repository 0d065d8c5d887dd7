"""Export the counters of all components, and the present state of database and observer, in Prometheus' format."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from sqlalchemy import Engine

from application.components import select_names
from db import queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from stacks.lag import read_captured_seq, read_totals
from stacks.part_health import STALE_S
from stacks.probes import Probes
from stacks.waiting_events import WaitingEvents, read_waiting
from telemetry.metrics import BOUNDS_S, read_all
from workers.heartbeat import read_heartbeat

COUNTERS = {
    "commands": ("Commands by what became of them", ("command", "outcome")),
    "deliveries": ("Committed deliveries by outcome", ("outcome",)),
    "dead_letters": ("Dead letters by reason", ("reason",)),
    "audit_repairs": ("Repairs of the audit file: block, surplus, anew, index", ("kind",)),
    "audit_left_out": ("Notifications of which no audit line can be made", ()),
    "relay_sent": ("Events handed to the broker by the relay, those sent again too", ()),
    "http_requests": ("Requests by route and status", ("method", "route", "status")),
}
DISTRIBUTIONS = {
    "command": ("Time of a command, its commit included", ("command",)),
    "hop": ("Time an event takes from one hop to the next", ("hop",)),
}


ANSWERS_WITHIN_S = 1.0
"""A scrape must not wait long for a database that does not answer: the other metrics are in it, too."""
_PROBES: Probes[tuple[queries.Backlog, WaitingEvents] | None] = Probes()


class Collector:
    """A collector that reads at each scrape. What cannot be read is left out, and `alpes_up` shows why."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        yield from self._counted_by_components()
        yield from self._observed()
        yield from self._outbox()
        yield self._heartbeats()

    def _counted_by_components(self) -> Iterator[Metric]:
        counters = {
            name: CounterMetricFamily(f"alpes_{name}", text, labels=("part", *labels))
            for name, (text, labels) in COUNTERS.items()
        }
        histograms = {
            name: HistogramMetricFamily(f"alpes_{name}_seconds", text, labels=("part", *labels))
            for name, (text, labels) in DISTRIBUTIONS.items()
        }
        for part, part_metrics in read_all(self._settings):
            for name, labels, value in part_metrics["counters"]:
                counters[str(name)].add_metric((part, *labels), value)  # type: ignore[misc, arg-type]
            for name, labels, buckets, total in part_metrics["distributions"]:
                histograms[str(name)].add_metric((part, *labels), _cumulative(buckets), total)  # type: ignore[misc, arg-type]
        yield from counters.values()
        yield from histograms.values()

    def _observed(self) -> Iterator[Metric]:
        totals = read_totals(self._settings)
        if totals is not None:
            yield GaugeMetricFamily("alpes_published_events", "Distinct events seen on the broker", totals.distinct)
            yield GaugeMetricFamily("alpes_captured_seq", "Highest outbox seq seen on the broker", totals.watermark)

    def _outbox(self) -> Iterator[Metric]:
        database_up = GaugeMetricFamily("alpes_database_up", "Whether the database answers")
        read = _PROBES.ask_one(f"backlog of {self._settings.home}", self._read_backlog, ANSWERS_WITHIN_S)
        if read is None:
            database_up.add_metric((), 0)
            yield database_up
            return
        backlog, waiting = read
        database_up.add_metric((), 1)
        yield database_up
        yield GaugeMetricFamily("alpes_outbox_depth", "Outbox rows not seen on the broker yet", backlog.not_captured)
        yield GaugeMetricFamily("alpes_outbox_seq", "Highest outbox seq", backlog.head)
        lag = GaugeMetricFamily(
            "alpes_lag_seconds", "Age of the oldest event not there yet; 0: none", labels=("stage",)
        )
        oldest_us = backlog.oldest_not_notified_us
        lag.add_metric(("notification",), max(0.0, time.time() - oldest_us / 1e6) if oldest_us else 0.0)
        for stage, waits in (
            ("capture", waiting.capture),
            ("observer", waiting.observer),
            ("commands", waiting.commands),
        ):
            lag.add_metric((stage,), waits.oldest_s)
        yield lag

    def _read_backlog(self) -> tuple[queries.Backlog, WaitingEvents] | None:
        """Return None when the database does not answer."""
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                captured = read_captured_seq(self._settings, queries.outbox_head(connection))
                backlog = queries.read_backlog(connection, captured)
            return backlog, read_waiting(self._settings, self._engine)
        except DatabaseUnavailable:
            return None

    def _heartbeats(self) -> Metric:
        up = GaugeMetricFamily("alpes_up", "1: wrote a heartbeat lately and has its connections", labels=("part",))
        for part in select_names(self._settings, lambda component: component.has_heartbeat):
            heartbeat = read_heartbeat(self._settings, part)
            is_up = heartbeat is not None and heartbeat.connected and heartbeat.age_s < STALE_S
            up.add_metric((part,), int(is_up))
        return up


def exposition(settings: Settings, engine: Engine) -> bytes:
    """Return the metrics in Prometheus' text format. Does not raise when a component is down."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(settings, engine))
    return generate_latest(registry)


def _cumulative(buckets: Any) -> list[tuple[str, float]]:
    cumulative: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), buckets, strict=True):
        total += count
        cumulative.append((bound, total))
    return cumulative
