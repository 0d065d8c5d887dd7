"""Measure the captures of one stack side by side: how fast each is, how it drains, starts and recovers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from application import Application
from bench.latency import measure_latency
from bench.outcome import count_notified
from bench.throughput import measure_throughput
from domain.commands import CalculateCommission
from scenarios import end_to_end
from scenarios.waiting import until
from settings import Settings
from settings.stack_facts import STACKS, CaptureFacts, CaptureName, MysqlVersion
from stacks import instance
from stacks.choices import can_read
from stacks.restarting import restart_component

RECOVERS_WITHIN_S = 120.0
STACK = "native"


@dataclass(frozen=True, slots=True)
class CaptureFigures:
    capture: str
    """Product and version."""
    database: str
    starts_s: float
    """Seconds from the beginning of `up` until every component is healthy, with all files there."""
    p50_ms: float
    """From command to notification, one at a time."""
    p99_ms: float
    commands_per_s: float
    drained_after_s: float
    """Seconds from the last command of a storm to its notification."""
    lost: int
    recovers_s: float
    """Seconds from a restart of the capture until an event is notified that was committed after it."""


def list_combinations(mysql: str | None = None) -> list[tuple[CaptureName, MysqlVersion]]:
    """Return each capture with each MySQL that it can read, or with this one only."""
    facts = STACKS[STACK]
    captures: list[CaptureFacts] = [facts.capture, *facts.other_captures]
    return [
        (capture.name, version)  # type: ignore[misc]
        for capture in captures
        for version in facts.mysql_versions
        if can_read(capture, version) and version == (mysql or version)
    ]


def measure_captures(
    combinations: list[tuple[CaptureName, MysqlVersion]],
    n: int,
    commands: int,
    writers: int,
    say: Callable[[str], None],
) -> list[CaptureFigures]:
    """Measure each on a private instance, one after the other. Raises what `end_to_end.running` and the measurements raise."""
    figures = []
    for capture, version in combinations:
        say(f"{capture} on MySQL {version}")
        began = time.monotonic()
        with end_to_end.running(STACK, private=True, capture=capture, mysql_version=version) as settings:
            figures.append(_measure(settings, time.monotonic() - began, n, commands, writers))
    return figures


def _measure(settings: Settings, starts_s: float, n: int, commands: int, writers: int) -> CaptureFigures:
    versions = instance.versions(settings)
    latency = measure_latency(settings, n, versions)
    throughput = measure_throughput(settings, commands, writers)
    return CaptureFigures(
        capture=versions["capture"],
        database=versions["database"],
        starts_s=round(starts_s, 1),
        p50_ms=latency.p50_ms,
        p99_ms=latency.p99_ms,
        commands_per_s=throughput.commands_per_s,
        drained_after_s=throughput.drained_after_s,
        lost=throughput.lost,
        recovers_s=round(measure_recovery(settings), 1),
    )


def measure_recovery(settings: Settings) -> float:
    """Restart the capture, commit an event at once, and return the seconds until it is notified. Raises TookTooLong."""
    correlation_id = str(uuid.uuid4())
    began = time.monotonic()
    restart_component(settings, settings.facts.capture.component)
    with Application(settings, pool_size=1) as application:
        application.send(CalculateCommission(correlation_id, "aff-bench", "cmp-bench", "1.00", "USD", correlation_id))
        until(lambda: count_notified(application, correlation_id) > 0, RECOVERS_WITHIN_S, "the capture reads again")
    return time.monotonic() - began
