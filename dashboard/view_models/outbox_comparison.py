"""Work out what the comparison with and without an outbox shows, from the records of a run or from its result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from scenarios.model import Moment, Result, Sample

SCENARIO = "dual-write"
Stage = Literal["load", "down", "back", "count", "done"]
STAGES: tuple[Stage, ...] = ("load", "down", "back", "count", "done")
BEGINS: dict[str, Stage] = {"fault": "down", "fault_end": "back", "counting": "count"}
"""Kind of an entry of the timeline → the stage that it begins. The last one begins when the result is there."""


@dataclass(frozen=True, slots=True)
class Point:
    """Counts at one moment. What arrived was seen on Pulsar by the observer."""

    at_s: float
    """Seconds since the start of the run."""
    committed: int
    arrived: int


@dataclass(frozen=True, slots=True)
class Side:
    points: tuple[Point, ...] = ()
    lost: int | None = None
    """Events that were committed and will never arrive; None until they were counted."""
    lost_ids: tuple[str, ...] = ()
    """The first of them."""

    @property
    def last(self) -> Point:
        return self.points[-1] if self.points else Point(0.0, 0, 0)

    @property
    def missing(self) -> int:
        """How many events were committed and have not arrived so far."""
        return max(0, self.last.committed - self.last.arrived)


@dataclass(frozen=True, slots=True)
class Comparison:
    run_id: str
    stage: Stage
    elapsed_s: float
    span_s: float
    """The length of the time axis: at least the usual duration, so that curves grow to the right and are not squeezed."""
    without: Side
    outbox: Side
    outage: tuple[float, float | None] | None = None
    """When the broker was down, in seconds since the start; the end is None while it is."""
    verdict: str | None = None


def follow(run_id: str, moments: Sequence[Moment], samples: Sequence[Sample], now: float, takes_s: float) -> Comparison:
    """Return the comparison of a run under way; `now` is in seconds since the epoch, and it usually takes `takes_s`."""
    began_at = moments[0].at if moments else now
    stage: Stage = "load"
    began: dict[Stage, float] = {}
    for moment in moments:
        if moment.kind in BEGINS:
            stage = BEGINS[moment.kind]
            began.setdefault(stage, moment.at - began_at)
    outage = (began["down"], began.get("back")) if "down" in began else None
    return Comparison(
        run_id=run_id,
        stage=stage,
        elapsed_s=max(0.0, now - began_at),
        span_s=max(now - began_at, takes_s),
        without=Side(_beside(samples, began_at)),
        outbox=Side(_outbox(samples, began_at)),
        outage=outage,
    )


def conclude(result: Result) -> Comparison:
    """Return the comparison of a finished run: the last point of each side is what was counted at its end."""
    began_at, figures = result.started_at, result.figures
    span_s = max(result.duration_s, result.samples[-1].at - began_at if result.samples else 0.0)
    committed, lost = int(figures.get("naive_committed", 0)), int(figures.get("naive_lost", 0))
    window = next((window for window in result.windows if window.part == "broker"), None)
    return Comparison(
        run_id=result.run_id,
        stage="done",
        elapsed_s=result.duration_s,
        span_s=span_s,
        without=Side(
            (*_beside(result.samples, began_at), Point(span_s, committed, committed - lost)),
            lost if "naive_lost" in figures else None,
            tuple(map(str, figures.get("naive_lost_ids", ()))),
        ),
        outbox=Side(
            (*_outbox(result.samples, began_at), Point(span_s, result.counts.committed, result.counts.published)),
            result.counts.lost,
        ),
        outage=None if window is None else (window.started_at - began_at, window.ended_at - began_at),
        verdict=result.verdict,
    )


def _beside(samples: Iterable[Sample], began_at: float) -> tuple[Point, ...]:
    return tuple(Point(sample.at - began_at, *sample.beside) for sample in samples if sample.beside is not None)


def _outbox(samples: Iterable[Sample], began_at: float) -> tuple[Point, ...]:
    return tuple(Point(sample.at - began_at, sample.committed, sample.published) for sample in samples)
