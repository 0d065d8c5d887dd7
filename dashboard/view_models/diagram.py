"""Work out what the diagram of an event's path shows: a count at each node, what waits between them, and what is down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dashboard.view_models import latencies
from dashboard.view_models.reconciling import Judgement, ShownCounts
from dashboard.view_models.snapshot import DatabaseState, HealthState
from dashboard.view_models.tracing import resolution_ms
from settings.stack_facts import CaptureFacts
from stacks.part_health import PartHealth

LAST = 200
"""The most events of which the median times are."""

NodeName = Literal[
    "command", "commission", "outbox", "capture", "topic", "inbox", "notification", "retry", "dead_letters", "audit"
]
ArrowName = Literal["commit", "capture", "publish", "receive", "audit"]
State = Literal["flows", "waits", "missing"]

HOPS: Mapping[ArrowName, tuple[str, str]] = {
    "commit": ("occurred", "committed"),
    "capture": ("committed", "captured"),
    "publish": ("captured", "published"),
    "receive": ("published", "received"),
}
"""Arrow → the timestamps at its ends. When a line of the audit file was written is not measured."""
PERSIST = ("received", "persisted")
"""The hop within the worker, in its transaction."""


@dataclass(frozen=True, slots=True)
class Time:
    """The median of a hop."""

    ms: float
    resolution_ms: float
    """Of the coarser of the two clocks."""


@dataclass(frozen=True, slots=True)
class Arrow:
    waiting: int | None = None
    """Events that are at its beginning and not at its end; None where that is not known, or nothing can wait."""
    state: State = "flows"
    time: Time | None = None
    passed: int | None = None
    """How many events have passed: when it changes, an event is seen to travel."""


@dataclass(frozen=True, slots=True)
class Outage:
    part: str
    remaining_s: int | None = None
    """Seconds until a fault ends that holds it down; None when that is not known."""


@dataclass(frozen=True, slots=True)
class Diagram:
    capture: CaptureFacts
    counts: Mapping[NodeName, int | None]
    arrows: Mapping[ArrowName, Arrow]
    surplus: frozenset[NodeName] = frozenset()
    """The nodes that have more events than were committed, for longer than reading them one after the other explains."""
    down: Mapping[str, Outage] = field(default_factory=dict)
    """What is down of `database`, `capture`, `broker`, `worker` and `audit`."""
    absorbed: int = 0
    """Duplicates that the inbox recognised."""
    persist: Time | None = None
    timed: int = 0
    """The events of which the times are medians."""


def diagram(
    capture: CaptureFacts, database: DatabaseState, shown_counts: ShownCounts, judgement: Judgement, health: HealthState
) -> Diagram:
    """Return the diagram of these counts. `shown_counts` leaves young events out: an event waits here once it is older."""
    counts = shown_counts.counts
    observed = not any(part.part == "observer" for part in health.down())
    captured, published = (shown_counts.captured, counts.published) if observed else (None, None)
    received = _sum(counts.delivered, counts.dead_lettered - counts.parked)
    arrived = published if observed else counts.committed
    timed = database.timed[-LAST:]
    median = latencies.medians(timed)
    waiting: dict[ArrowName, int | None] = {
        "capture": _behind(counts.committed, captured),
        "publish": _behind(captured, _sum(published, counts.parked)),
        "receive": _behind(arrived, received),
        "audit": _behind(counts.notified, counts.audited),
    }
    passed: dict[ArrowName, int | None] = {
        "commit": counts.committed,
        "capture": captured,
        "publish": published,
        "receive": counts.delivered,
        "audit": counts.audited,
    }
    return Diagram(
        capture=capture,
        counts={
            "command": counts.committed,
            "commission": counts.created,
            "outbox": counts.committed,
            "capture": captured,
            "topic": published,
            "inbox": counts.delivered,
            "notification": counts.notified,
            "retry": database.retried,
            "dead_letters": counts.dead_lettered,
            "audit": counts.audited,
        },
        arrows={
            name: Arrow(
                waiting.get(name), _state(waiting.get(name), judgement), _time(median, HOPS.get(name)), passed[name]
            )
            for name in passed
        },
        surplus=_surplus(shown_counts) if judgement == "differs" else frozenset(),
        down=_down(capture, health.down()),
        absorbed=counts.duplicates or 0,
        persist=_time(median, PERSIST),
        timed=len(timed),
    )


def _sum(first: int | None, second: int) -> int | None:
    return None if first is None else first + second


def _behind(there: int | None, here: int | None) -> int | None:
    """Return how many events are there and not here; sources that are read one after the other may disagree by a few."""
    return None if there is None or here is None else max(0, there - here)


def _state(waiting: int | None, judgement: Judgement) -> State:
    if not waiting:
        return "flows"
    return "missing" if judgement == "differs" else "waits"


def _time(median: Mapping[str, float], hop: tuple[str, str] | None) -> Time | None:
    if hop is None or (ms := median.get("→".join(hop))) is None:
        return None
    return Time(ms, resolution_ms(*hop))


def _surplus(shown_counts: ShownCounts) -> frozenset[NodeName]:
    counts = shown_counts.counts
    published, notified, audited = counts.arrived()
    arrived: dict[NodeName, int | None] = {"topic": published, "notification": notified, "audit": audited}
    return frozenset(name for name, count in arrived.items() if (count or 0) > (counts.committed or 0))


def _down(capture: CaptureFacts, parts: Sequence[PartHealth]) -> dict[str, Outage]:
    places = {"database": "database", capture.component: "capture", "broker": "broker", "audit": "audit"}
    outages: dict[str, Outage] = {}
    for part in parts:
        place = "worker" if part.part.partition("-")[0] == "notifications" else places.get(part.part)
        if place is not None:
            outages.setdefault(place, Outage(part.part, _remaining_s(part)))
    return outages


def _remaining_s(part: PartHealth) -> int | None:
    seconds = part.message.params.get("s") if part.message.code == "health.held_down" else None
    return seconds if isinstance(seconds, int) else None
