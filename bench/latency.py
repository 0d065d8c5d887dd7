"""Measure how long events take from command to notification, hop by hop."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application import Application
from application.permissions import Action, require
from bench.outcome import send_command
from bench.profile import Meter, Profile
from db import queries
from db.hops import HOPS
from scenarios.end_to_end import hop_durations_ms
from scenarios.percentiles import percentiles
from scenarios.waiting import until
from settings import Settings
from settings.stack_facts import BrokerKind

WARM_UP = 100
WARM_UP_JAVA = 600
"""Number of commands before the measured ones; more for a broker in Java, which starts with interpreted code."""
INTERVAL_S = 0.01
"""Pause between two commands, long enough that no command waits for the previous one."""


@dataclass(frozen=True, slots=True)
class Latency:
    stack: str
    n: int
    warm_up: int
    """Number of commands sent before the measured ones."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    hops_ms: dict[str, dict[str, float]]
    """{`from→to`: {p50, p95, p99}}; the clocks of capture and publishing have 1 ms resolution."""
    versions: dict[str, str]
    profile: Profile | None = None
    """What it cost, if it was asked for."""


def measure_latency(
    settings: Settings,
    n: int,
    versions: dict[str, str],
    progress: Callable[[int], None] = lambda sent_count: None,
    with_profile: bool = False,
) -> Latency:
    """Send `n` commands after a warm-up and return percentiles of the hop times that the components wrote.

    Raises TookTooLong when an event does not arrive within 30 s after the last command, or Forbidden; NotRunning with a profile.
    """
    paths, profile = _measure(settings, n, progress, Meter(settings) if with_profile else None)
    end_to_end = percentiles([path.pop("end_to_end") for path in paths])
    return Latency(
        settings.stack,
        n,
        count_warm_up(settings),
        end_to_end["p50"],
        end_to_end["p95"],
        end_to_end["p99"],
        {hop: percentiles([path[hop] for path in paths]) for hop in paths[0]},
        versions,
        profile,
    )


def count_warm_up(settings: Settings) -> int:
    """Return the number of commands to send before the measured ones."""
    return WARM_UP_JAVA if settings.facts.broker is BrokerKind.PULSAR else WARM_UP


def measure_paths(
    settings: Settings, n: int, progress: Callable[[int], None] = lambda sent_count: None
) -> list[dict[str, float]]:
    """Send `n` commands after a warm-up and return the path of each: {`from→to`: milliseconds} and `end_to_end`.

    Raises TookTooLong when an event does not arrive within 30 s after the last command, or Forbidden.
    """
    return _measure(settings, n, progress, None)[0]


def _measure(
    settings: Settings, n: int, progress: Callable[[int], None], meter: Meter | None
) -> tuple[list[dict[str, float]], Profile | None]:
    require(settings, Action.ISSUE_COMMANDS)
    warm_up_commands = count_warm_up(settings)
    correlation_id = str(uuid.uuid4())
    pause = threading.Event()
    event_ids: list[str] = []

    def send(numbers: range) -> None:
        for number in numbers:
            event_ids.extend(send_command(application, correlation_id).event_ids)
            progress(number)
            pause.wait(INTERVAL_S)

    with Application(settings, pool_size=2) as application:
        send(range(1 - warm_up_commands, 1))
        with meter.running() if meter else contextlib.nullcontext():
            send(range(1, n + 1))
            measured_ids = event_ids[warm_up_commands:]
            until(
                lambda: _are_complete(application, measured_ids),
                30,
                "every event notified and its hop times written",
                0.2,
            )
        hops = _read_hops(application, measured_ids)
        profile = meter.make_profile(application, n) if meter else None
    return [hop_durations_ms(hops[event_id]) for event_id in measured_ids], profile


def _are_complete(application: Application, event_ids: Sequence[str]) -> bool:
    hops = _read_hops(application, event_ids)
    return all(len(hops.get(event_id, {})) == len(HOPS) for event_id in event_ids)


def _read_hops(application: Application, event_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    hops: dict[str, dict[str, int]] = {}
    with application.reading() as connection:
        for start in range(0, len(event_ids), 500):
            hops |= queries.read_hop_times(connection, list(event_ids[start : start + 500]))
    return hops
