"""Define what a property returns when it does not hold: violations, each with the observations that prove it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scenarios.history.records import History
from scenarios.observations import MOST, CounterExample, Observation, in_time_order

NOT_COMMITTED = "acknowledged and not committed"
NOT_PUBLISHED = "not published"
NOT_NOTIFIED = "not notified"
NOT_AUDITED = "not audited"
DEAD = "dead-lettered and never notified"
DUPLICATED = "effect duplicated"
OUT_OF_ORDER = "out of order"
NEVER_COMMITTED = "never committed"
NEVER_NOTIFIED = "audited and never notified"
CONTENTS_DIFFER = "contents differ"
KEY_DIFFERS = "key differs"
DISAGREES = "commission and events disagree"
REPEATED = "effective more than once"
REFUSED_AND_COMMITTED = "refused and committed"
INBOX_DISAGREES = "notification and inbox disagree"
IN_ONE_PLACE = "dead letter in one place only"
DEAD_LETTER = "dead letters"
FOREIGN_LINE = "no audit line"
NOT_WHAT_WAS_ASKED = "not what was asked for"

LOST = (NOT_COMMITTED, NOT_PUBLISHED, NOT_NOTIFIED, NOT_AUDITED, DEAD)
"""Kinds of violations that mean a loss."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a property does not hold."""

    kind: str
    """One of the constants above; evidence names the ids by it."""
    id: str
    """Of the event, the commission or the command."""
    observations: tuple[Observation, ...]
    """The observations that prove it, causes first."""
    detail: str = ""
    """A sentence in English; empty where the id says it all."""
    is_final: bool = True
    """Whether waiting cannot help: False for what may still arrive or be repaired."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.observations) <= MOST:
            raise ValueError(f"{len(self.observations)} observations prove nothing to a reader; 1 to {MOST} do")


Property = Callable[[History], Iterator[Violation]]
"""A pure function over a history. It yields nothing when the property holds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one property says about a history."""

    name: str
    """Of the property."""
    violations: tuple[Violation, ...]

    @property
    def holds(self) -> bool:
        return not self.violations

    def counter_example(self) -> CounterExample | None:
        """Return the violation that needs the fewest observations, of these the earliest; None when the property holds."""
        if self.holds:
            return None
        smallest = min(self.violations, key=lambda violation: (len(violation.observations), _begins_at(violation)))
        return CounterExample(self.name, in_time_order(smallest.observations))


def _begins_at(violation: Violation) -> float:
    return min(
        (observation.at for observation in violation.observations if observation.at is not None), default=float("inf")
    )
