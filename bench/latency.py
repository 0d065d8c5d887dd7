"""How long an event takes from its command to its notification, hop by hop."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application import Application
from db import queries
from db.hops import HOPS
from domain.commands import CalculateCommission
from scenarios.end_to_end import hop_durations_ms
from scenarios.percentiles import percentiles
from scenarios.waiting import until
from settings import Settings

WARM_UP = 100
WARM_UP_JAVA = 600
"""Commands before the measured ones. A broker in Java that just started runs interpreted: it needs more of them."""
APART_S = 0.01
"""Between two commands: slow enough that none waits for the one before it."""


@dataclass(frozen=True, slots=True)
class Latency:
    stack: str
    n: int
    warm_up: int
    """Commands sent before, and not measured."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    hops_ms: dict[str, dict[str, float]]
    """{`from→to`: {p50, p95, p99}}; the clocks of capture and publishing have 1 ms resolution."""
    versions: dict[str, str]


def latency(
    settings: Settings, n: int, versions: dict[str, str], progress: Callable[[int], None] = lambda done: None
) -> Latency:
    """Send `n` commands after a warm-up and read the hop times the parts wrote.

    Raises TookTooLong when an event does not arrive within 30 s after the last command.
    """
    measured = ways(settings, n, progress)
    whole = percentiles([way.pop("end_to_end") for way in measured])
    return Latency(
        settings.stack,
        n,
        warm_up(settings),
        whole["p50"],
        whole["p95"],
        whole["p99"],
        {hop: percentiles([way[hop] for way in measured]) for hop in measured[0]},
        versions,
    )


def warm_up(settings: Settings) -> int:
    """Commands sent before the measured ones."""
    return WARM_UP if settings.stack == "embedded" else WARM_UP_JAVA


def ways(settings: Settings, n: int, progress: Callable[[int], None] = lambda done: None) -> list[dict[str, float]]:
    """The way of each of `n` commands sent after a warm-up: {`from→to`: milliseconds} and `end_to_end`.

    Raises TookTooLong when an event does not arrive within 30 s after the last command.
    """
    first = warm_up(settings)
    correlation_id = str(uuid.uuid4())
    pause = threading.Event()
    event_ids: list[str] = []
    with Application(settings, pool_size=2) as application:
        for number in range(first + n):
            command = CalculateCommission(str(uuid.uuid4()), "aff-bench", "cmp-bench", "120.50", "USD", correlation_id)
            event_ids += application.send(command).event_ids
            progress(number + 1 - first)
            pause.wait(APART_S)
        measured = event_ids[first:]
        until(lambda: _complete(application, measured), 30, "every event notified and its hop times written", 0.2)
        hops = _hops(application, measured)
    return [hop_durations_ms(hops[event_id]) for event_id in measured]


def _complete(application: Application, event_ids: Sequence[str]) -> bool:
    hops = _hops(application, event_ids)
    return all(len(hops.get(event_id, {})) == len(HOPS) for event_id in event_ids)


def _hops(application: Application, event_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with application.reading() as connection:
        for start in range(0, len(event_ids), 500):
            found |= queries.hop_times(connection, list(event_ids[start : start + 500]))
    return found
