"""Calculate latencies, in milliseconds, of one event, of the newest events, or of a time window.

Negative ones, where two clocks disagree, stay as they were measured.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dashboard.view_models.snapshot import Sample, Timed
from db.hops import HOPS
from scenarios.percentiles import percentiles

ROLLING = 50
"""Number of events from which each point of the percentile lines is calculated."""
HOP_NAMES = tuple(f"{first}→{second}" for first, second in pairwise(HOPS))
END_TO_END = "end_to_end"

LEAST_MS = 0.01
"""Zero and negative values (two clocks differ) are drawn here: a logarithmic axis has no place for them."""


@dataclass(frozen=True, slots=True)
class Point:
    """The end-to-end latency of one event, as drawn in the live chart."""

    at_us: int
    """When it was notified, in microseconds since the epoch."""
    type: str
    event_id: str
    commission_id: str
    ms: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    n: int
    p50: float
    p95: float
    p99: float
    largest: float


@dataclass(frozen=True, slots=True)
class Rate:
    at: float
    """End of the interval, seconds since the epoch."""
    produced: float
    """Events committed per second."""
    consumed: float
    """Notifications persisted per second."""
    backlog: int


def hop_ms(hops: dict[str, int]) -> dict[str, float]:
    """Return {`from→to`: ms} for the measured hops, and `end_to_end` if both its timestamps are known."""
    durations = {
        f"{first}→{second}": (hops[second] - hops[first]) / 1000
        for first, second in pairwise(HOPS)
        if first in hops and second in hops
    }
    if "occurred" in hops and "persisted" in hops:
        durations[END_TO_END] = (hops["persisted"] - hops["occurred"]) / 1000
    return durations


def points(timed: Sequence[Timed]) -> list[Point]:
    """Return the end-to-end latencies in the order in which the events were notified."""
    unsorted = [
        Point(event.hops["persisted"], event.type, event.event_id, event.commission_id, event.end_to_end_ms)
        for event in timed
        if event.end_to_end_ms is not None
    ]
    return sorted(unsorted, key=lambda point: point.at_us)


def rolling(values: Sequence[float], rank: float, behind: int = ROLLING) -> list[float]:
    """Return for each value the percentile at `rank` (0 to 1) of itself and up to `behind - 1` values before it."""
    window: deque[float] = deque()
    ordered: list[float] = []
    result = []
    for value in values:
        window.append(value)
        insort(ordered, value)
        if len(window) > behind:
            ordered.remove(window.popleft())
        result.append(ordered[min(len(ordered) - 1, int(rank * len(ordered)))])
    return result


def medians(timed: Sequence[Timed]) -> dict[str, float]:
    """Return {`from→to` or `end_to_end`: the median in ms} over these events."""
    return {name: values.p50 for name, values in by_hop(timed).items()}


def by_hop(timed: Sequence[Timed]) -> dict[str, Quantiles]:
    """Return the percentiles of the hops that at least one event has, in path order, with end-to-end last."""
    values = columns(timed)
    result = {}
    for name in (*HOP_NAMES, END_TO_END):
        if values[name]:
            ranks = percentiles(values[name])
            result[name] = Quantiles(
                len(values[name]), ranks["p50"], ranks["p95"], ranks["p99"], round(max(values[name]), 3)
            )
    return result


def columns(timed: Sequence[Timed]) -> dict[str, list[float]]:
    """Return {hop: the ms of every event}."""
    result: dict[str, list[float]] = {name: [] for name in (*HOP_NAMES, END_TO_END)}
    for event in timed:
        for name, value in hop_ms(event.hops).items():
            result[name].append(value)
    return result


def within(timed: Sequence[Timed], last_s: float | None, last_n: int | None, now: float) -> list[Timed]:
    """Return the events notified in the last `last_s` seconds before `now`, at most the newest `last_n`."""
    since = 0.0 if last_s is None else (now - last_s) * 1e6
    events = [event for event in timed if event.hops.get("persisted", 0) >= since]
    return events if last_n is None else events[-last_n:]


def rates(samples: Sequence[Sample], last_s: float | None, now: float) -> list[Rate]:
    """Return the rates between samples, without intervals in which a count fell because the tables were emptied."""
    result = []
    for before, after in pairwise(samples):
        seconds = after.at - before.at
        produced, consumed = after.committed - before.committed, after.notified - before.notified
        if seconds <= 0 or produced < 0 or consumed < 0 or (last_s is not None and after.at < now - last_s):
            continue
        backlog = max(0, after.committed - after.notified)
        result.append(Rate(after.at, produced / seconds, consumed / seconds, backlog))
    return result


def csv(timed: Sequence[Timed]) -> str:
    """Return a CSV with a line for each event: ids, type, timestamps in µs since the epoch, and the ms between them."""
    head = ["event_id", "commission_id", "correlation_id", "type"]
    lines = [",".join([*head, *(f"{hop}_us" for hop in HOPS), *(f"{name}_ms" for name in (*HOP_NAMES, END_TO_END))])]
    for event in timed:
        between = hop_ms(event.hops)
        cells = [event.event_id, event.commission_id, event.correlation_id.replace(",", " "), event.type]
        cells += [str(event.hops.get(hop, "")) for hop in HOPS]
        cells += [f"{between[name]:.3f}" if name in between else "" for name in (*HOP_NAMES, END_TO_END)]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"
