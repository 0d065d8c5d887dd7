"""Times between hops: of one event, of the last ones, of a window. Milliseconds; negative ones as they were measured."""

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
"""Events behind a point of the percentile lines."""
HOP_NAMES = tuple(f"{first}→{second}" for first, second in pairwise(HOPS))
END_TO_END = "end_to_end"

LEAST_MS = 0.01
"""Where what is zero, or less by two clocks that differ, is drawn: a logarithmic axis has no place for it."""


@dataclass(frozen=True, slots=True)
class Point:
    """One event's way from command to notification."""

    at_us: int
    """When it was notified, since the epoch."""
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
    """Seconds since the epoch, the end of the interval."""
    produced: float
    """Events committed a second."""
    consumed: float
    """Notifications persisted a second."""
    backlog: int


def hop_ms(hops: dict[str, int]) -> dict[str, float]:
    """{`from→to`: ms} for those measured, and `end_to_end`."""
    found = {
        f"{first}→{second}": (hops[second] - hops[first]) / 1000
        for first, second in pairwise(HOPS)
        if first in hops and second in hops
    }
    if "occurred" in hops and "persisted" in hops:
        found[END_TO_END] = (hops["persisted"] - hops["occurred"]) / 1000
    return found


def points(timed: Sequence[Timed]) -> list[Point]:
    """In the order they were notified."""
    found = [
        Point(event.hops["persisted"], event.type, event.event_id, event.commission_id, event.end_to_end_ms)
        for event in timed
        if event.end_to_end_ms is not None
    ]
    return sorted(found, key=lambda point: point.at_us)


def rolling(values: Sequence[float], rank: float, behind: int = ROLLING) -> list[float]:
    """For each value the percentile (0 to 1) of itself and up to `behind - 1` before it."""
    window: deque[float] = deque()
    ordered: list[float] = []
    found = []
    for value in values:
        window.append(value)
        insort(ordered, value)
        if len(window) > behind:
            ordered.remove(window.popleft())
        found.append(ordered[min(len(ordered) - 1, int(rank * len(ordered)))])
    return found


def medians(timed: Sequence[Timed]) -> dict[str, float]:
    """{`from→to` or `end_to_end`: the median in ms} over these events."""
    return {name: values.p50 for name, values in by_hop(timed).items()}


def by_hop(timed: Sequence[Timed]) -> dict[str, Quantiles]:
    """Those hops that at least one event has, in the order of the way, the whole last."""
    values = columns(timed)
    found = {}
    for name in (*HOP_NAMES, END_TO_END):
        if values[name]:
            ranks = percentiles(values[name])
            found[name] = Quantiles(
                len(values[name]), ranks["p50"], ranks["p95"], ranks["p99"], round(max(values[name]), 3)
            )
    return found


def columns(timed: Sequence[Timed]) -> dict[str, list[float]]:
    """{hop: every event's ms}."""
    found: dict[str, list[float]] = {name: [] for name in (*HOP_NAMES, END_TO_END)}
    for event in timed:
        for name, value in hop_ms(event.hops).items():
            found[name].append(value)
    return found


def within(timed: Sequence[Timed], last_s: float | None, last_n: int | None, now: float) -> list[Timed]:
    """Events notified in the last seconds, at most the last so many."""
    since = 0.0 if last_s is None else (now - last_s) * 1e6
    found = [event for event in timed if event.hops.get("persisted", 0) >= since]
    return found if last_n is None else found[-last_n:]


def rates(samples: Sequence[Sample], last_s: float | None, now: float) -> list[Rate]:
    """Between each two samples; a fall (the tables were emptied) is left out."""
    found = []
    for before, after in pairwise(samples):
        seconds = after.at - before.at
        produced, consumed = after.committed - before.committed, after.notified - before.notified
        if seconds <= 0 or produced < 0 or consumed < 0 or (last_s is not None and after.at < now - last_s):
            continue
        backlog = max(0, after.committed - after.notified)
        found.append(Rate(after.at, produced / seconds, consumed / seconds, backlog))
    return found


def csv(timed: Sequence[Timed]) -> str:
    """One line an event: ids, type, the hops' times in microseconds since the epoch, and ms between them."""
    head = ["event_id", "commission_id", "correlation_id", "type"]
    lines = [",".join([*head, *(f"{hop}_us" for hop in HOPS), *(f"{name}_ms" for name in (*HOP_NAMES, END_TO_END))])]
    for event in timed:
        between = hop_ms(event.hops)
        cells = [event.event_id, event.commission_id, event.correlation_id.replace(",", " "), event.type]
        cells += [str(event.hops.get(hop, "")) for hop in HOPS]
        cells += [f"{between[name]:.3f}" if name in between else "" for name in (*HOP_NAMES, END_TO_END)]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"
