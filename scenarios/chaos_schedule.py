"""Draw a schedule of faults from a seed, write it as text and read it again. This module is pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random

CALM_S = (1.0, 4.0)
DOWN_S = (0.0, 4.0)
TOGETHER = 0.35
"""Share of the steps in which a second fault is injected while the first lasts."""
_FAULT = re.compile(r"(?P<fault>[a-z][a-z0-9_.-]*)@(?P<down_s>[0-9]+(\.[0-9]+)?)")


@dataclass(frozen=True, slots=True)
class Planned:
    fault: str
    """The fault's name, as in `scenarios.chaos_faults`."""
    down_s: float
    """Seconds that a killed component stays down; other faults ignore them."""


@dataclass(frozen=True, slots=True)
class Step:
    calm_s: float
    """Seconds under load before the faults."""
    faults: tuple[Planned, ...]
    """One, or two at a time."""


Schedule = tuple[Step, ...]


def draw(seed: int, seconds: float, partners: Mapping[str, Collection[str]]) -> Schedule:
    """Draw steps that fill at least so many seconds.

    `partners` has every fault, with those that may be injected while it lasts. The same arguments give the same schedule.
    """
    rng, steps, filled_s = Random(seed), list[Step](), 0.0
    while filled_s < seconds:
        calm_s = round(rng.uniform(*CALM_S), 1)
        names = [rng.choice(sorted(partners))]
        candidates = sorted(partners[names[0]])
        if candidates and rng.random() < TOGETHER:
            names.append(rng.choice(candidates))
        faults = tuple(Planned(name, round(rng.uniform(*DOWN_S), 1)) for name in names)
        steps.append(Step(calm_s, faults))
        filled_s += calm_s + max(planned.down_s for planned in faults)
    return tuple(steps)


def write(schedule: Schedule) -> str:
    """Return the schedule as the command line takes it: `2.5:kill-broker@3.0+kill-api@0.5,1.0:lose-offsets@0.0`."""
    return ",".join(
        f"{step.calm_s:.1f}:" + "+".join(f"{planned.fault}@{planned.down_s:.1f}" for planned in step.faults)
        for step in schedule
    )


def read(text: str) -> Schedule:
    """Return the schedule that a text says. Raises ValueError."""
    steps = []
    for part in text.split(","):
        calm, _, faults = part.strip().partition(":")
        matches = [_FAULT.fullmatch(fault) for fault in faults.split("+")]
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", calm) or None in matches or len(matches) > 2:
            raise ValueError(
                f"{part!r} is no step; one looks like 2.5:kill-broker@3.0 or 1.0:kill-api@0.5+kill-relay@2.0"
            )
        planned = tuple(Planned(match["fault"], float(match["down_s"])) for match in matches if match is not None)
        steps.append(Step(float(calm), planned))
    return tuple(steps)


Place = tuple[int, int]
"""A fault of a schedule: the number of its step, and its number in the step."""


def list_places(schedule: Schedule) -> list[Place]:
    """Return the place of each fault: the number of its step, and its number in the step."""
    return [(number, fault) for number, step in enumerate(schedule) for fault in range(len(step.faults))]


def keep(schedule: Schedule, places: Collection[Place]) -> Schedule:
    """Return the schedule without the other faults, and without the steps that have none left."""
    steps = (
        replace(step, faults=tuple(planned for place, planned in enumerate(step.faults) if (number, place) in places))
        for number, step in enumerate(schedule)
    )
    return tuple(step for step in steps if step.faults)
