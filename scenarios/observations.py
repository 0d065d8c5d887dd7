"""Define what a counter-example consists of: observations, each with its place, its time, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from domain.message import Message, from_json, verbatim

Place = Literal["client", "database", "capture", "broker", "worker", "audit"]
PLACES: tuple[Place, ...] = get_args(Place)
"""Where something is observed, in the order in which an event passes."""

MOST = 6
"""Largest number of observations in a counter-example: more nobody reads."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one place shows: a command, a row, a message, a line, or that one is missing."""

    place: Place
    at: float | None
    """Seconds since the epoch; None where the source has no time, and for what is missing."""
    id: str
    """Of the event, the commission, the command or the message."""
    text: str
    """What it shows, in English."""
    message: Message | None = None
    missing: bool = False
    """Whether it shows that something is not there."""

    @classmethod
    def of(cls, place: Place, at_us: int | None, id_: str, message: Message, *, missing: bool = False) -> Self:
        return cls(place, None if at_us is None else at_us / 1e6, id_, str(message), message, missing)

    def get_message(self) -> Message:
        """Return what it shows; of a record whose message this version does not know, the text."""
        return self.message or verbatim(self.text)


@dataclass(frozen=True, slots=True)
class CounterExample:
    """The fewest observations that prove that a property does not hold, in the order of their times."""

    property: str
    """Name of the property, as in the JSON of a run."""
    events: tuple[Observation, ...]

    def get_message(self) -> Message:
        """Return what the property demands; of one that this version does not know, its name."""
        try:
            return Message(f"property.{self.property}")
        except ValueError:
            return verbatim(self.property)


def counter_example_from_json(stored: Mapping[str, Any] | None) -> CounterExample | None:
    """Build a counter-example from its JSON; None for a record without one."""
    if stored is None:
        return None
    events = (Observation(**{**event, "message": from_json(event["message"])}) for event in stored["events"])
    return CounterExample(stored["property"], tuple(events))


def in_time_order(observations: Sequence[Observation]) -> tuple[Observation, ...]:
    """Return the observations by time. One without a time stays behind the one that precedes it."""
    dated, latest = [], float("-inf")
    for observation in observations:
        latest = latest if observation.at is None else observation.at
        dated.append((latest, observation))
    return tuple(observation for _, observation in sorted(dated, key=lambda pair: pair[0]))
