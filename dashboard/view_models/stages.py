"""Find out how far a run is: which stage it has reached, and about how long it will still take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scenarios.model import Moment

StageName = Literal["load", "fault", "recovery", "counting", "verdict"]
State = Literal["done", "current", "ahead"]
STAGES: tuple[StageName, ...] = ("load", "fault", "recovery", "counting", "verdict")
BEGINS: dict[str, StageName] = {
    "started": "load",
    "fault": "fault",
    "fault_end": "recovery",
    "counting": "counting",
    "verdict": "verdict",
}
"""Kind of an entry of the timeline → the stage that begins with it."""


@dataclass(frozen=True, slots=True)
class Stage:
    name: StageName
    state: State
    took_s: float | None
    """Seconds since it began, or until the next one did; None if it did not begin."""


@dataclass(frozen=True, slots=True)
class Progress:
    stages: tuple[Stage, ...]
    elapsed_s: float
    remaining_s: float | None
    """About how many seconds are left, negative once the run takes longer than usual; None if that is not known."""


def find_progress(moments: Sequence[Moment], now: float) -> Progress:
    """Return how far the run with this timeline is at `now`, in seconds since the epoch.

    A scenario may have several faults: then its stage is `fault` again. One without a fault passes from load to counting.
    """
    began: dict[StageName, float] = {}
    current: StageName | None = None
    for moment in moments:
        stage = BEGINS.get(moment.kind)
        if stage is None or stage == current:
            continue
        for later in STAGES[STAGES.index(stage) :]:
            began.pop(later, None)
        began[stage], current = moment.at, stage
    elapsed_s = max(0.0, now - moments[0].at) if moments else 0.0
    takes_s = moments[0].data.get("takes_s") if moments else None
    remaining_s = takes_s - elapsed_s if isinstance(takes_s, int | float) else None
    return Progress(tuple(_describe(name, began, current, now) for name in STAGES), elapsed_s, remaining_s)


def _describe(name: StageName, began: dict[StageName, float], current: StageName | None, now: float) -> Stage:
    if current is None or STAGES.index(name) > STAGES.index(current):
        return Stage(name, "ahead", None)
    ended = next((began[later] for later in STAGES[STAGES.index(name) + 1 :] if later in began), now)
    took_s = max(0.0, ended - began[name]) if name in began else None
    return Stage(name, "current" if name == current else "done", took_s)
