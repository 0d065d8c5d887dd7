"""Kill the broker with SIGKILL while commands are committed, and count what the consumer received of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers.counting import Committed, Outcome, first_received_us
from connectors.broker import Broker
from scenarios.waiting import TookTooLong, until
from stacks import faults

if TYPE_CHECKING:
    from bench.peers.measuring import Bench
    from bench.peers.writing import Load

PART = "broker"
WRITERS = 2
INTERVAL_S = 0.01
"""Pause of each writer between two commands."""
MOST_COMMANDS = 1_000_000
BEFORE, AFTER = 100, 200
"""Commands that are committed before the kill, and after the first event was received again."""
HELD_S = 3.0
"""How long the broker is kept down before it is started."""
STARTS_WITHIN_S = 120.0
RECOVERS_WITHIN_S = 90.0
SETTLES_WITHIN_S = 60.0
"""How long after the last commit events may arrive."""


@dataclass(frozen=True, slots=True)
class KillFigures:
    outcome: Outcome
    down_s: float
    """Seconds from the SIGKILL until the broker answers again."""
    recovers_s: float | None
    """Seconds from then until the first event is received that was committed while it was down or later; None: none within 90 s."""
    complete_s: float | None
    """Seconds from then until all events committed before are received; None: some never are."""


def measure_kill(bench: Bench) -> KillFigures:
    """Raises NotRunning, PartUnknown, Forbidden, ChildFailed, the first error of a writer, or TookTooLong when the broker stays down."""
    broker = Broker(bench.settings)
    with bench.load(WRITERS, INTERVAL_S) as load:
        with load.running(MOST_COMMANDS):
            until(lambda: len(load.committed) >= BEFORE, STARTS_WITHIN_S, "commands committed before the kill")
            killed_us = _now_us()
            faults.kill(bench.settings, PART, HELD_S)
            until(lambda: not broker.reachable(), STARTS_WITHIN_S, "the broker does not answer", 0.02)
            gone_us = _now_us()
            until(broker.reachable, STARTS_WITHIN_S, "the broker answers again", 0.02)
            up_us = _now_us()
            with contextlib.suppress(TookTooLong):  # the figures say so
                until(lambda: _is_received(bench, load, gone_us), RECOVERS_WITHIN_S, "an event received", 0.02)
            target_count = len(load.committed) + AFTER
            until(lambda: len(load.committed) >= target_count, STARTS_WITHIN_S, "commands committed after recovery")
        events = load.committed
    bench.await_receipt(events, SETTLES_WITHIN_S)
    received_us = first_received_us(bench.receiver.read())
    return KillFigures(
        outcome=bench.count(events),
        down_s=round((up_us - killed_us) / 1e6, 2),
        recovers_s=_seconds_until_first(events, received_us, gone_us, up_us),
        complete_s=_seconds_until_all(events, received_us, up_us),
    )


def _is_received(bench: Bench, load: Load, gone_us: int) -> bool:
    received_us = first_received_us(bench.receiver.read())
    return any(event.began_us > gone_us and event.event_id in received_us for event in load.committed)


def _seconds_until_first(
    events: Sequence[Committed], received_us: dict[str, int], gone_us: int, up_us: int
) -> float | None:
    times = [
        received_us[event.event_id] for event in events if event.began_us > gone_us and event.event_id in received_us
    ]
    return round((min(times) - up_us) / 1e6, 2) if times else None


def _seconds_until_all(events: Sequence[Committed], received_us: dict[str, int], up_us: int) -> float | None:
    earlier = [event.event_id for event in events if event.committed_us <= up_us]
    if any(event_id not in received_us for event_id in earlier):
        return None
    return round(max(0, max(received_us[event_id] for event_id in earlier) - up_us) / 1e6, 2)


def _now_us() -> int:
    return time.time_ns() // 1000
