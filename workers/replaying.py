"""Define what a notifications worker does otherwise as the worker of a replay, which reads every event again.

A replay starts the program of the component once more, under a name of its own (`ALPES_PART`) and with a subscription of its
own. Such a process must change nothing but its own inbox rows, also when something is wrong with the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from application.components import REPLAY, get_base_name
from connectors.broker import Received
from db import replay_queries
from db.engine import READ
from db.errors import translated
from db.failures import MessageFailures
from db.hops import HopRecorder, Timing
from settings import Settings
from workers.consumer import Inlet
from workers.handling import Failures
from workers.local_failures import LocalFailures
from workers.reading import find_event
from workers.stepping import SteppedInlet


@dataclass(frozen=True, slots=True)
class Role:
    """What the process of a component uses, or the process of a replay instead."""

    topics: list[str]
    """The topics that its subscription reads."""
    failures: Failures
    hops: HopRecorder | NoHops
    keeps_dead_letters: bool
    only_notified_by: Engine | None
    """The database that says which events are notified, when the worker may see the messages of no others."""

    def narrow(self, settings: Settings, part: str, inlet: Inlet) -> Inlet:
        """Return the inlet with the messages that the worker may see now: step mode holds those of the component."""
        if self.only_notified_by is None:
            return SteppedInlet(settings, part, inlet)
        return OnlyNotified(inlet, self.only_notified_by)


def choose_role(settings: Settings, name: str, engine: Engine) -> Role:
    """Return the role of the process of this name."""
    topics = settings.topics
    if get_base_name(name) == REPLAY:
        return Role([*topics.carrying_events()], LocalFailures(), NoHops(), False, engine)
    return Role([*topics.carrying_events(), topics.retry], MessageFailures(engine), HopRecorder(engine), True, None)


class OnlyNotified:
    """An inlet that acknowledges by itself what is no message of a notified event without an open dead letter.

    The effect of any other event is still to come: from the component, which may hold it, or from a requeue. A replay must not
    bring it about. And since an event stays notified, the component can never lose a race against the replay.
    """

    def __init__(self, inlet: Inlet, engine: Engine) -> None:
        self._inlet = inlet
        self._engine = engine

    @property
    def generation(self) -> int:
        return self._inlet.generation

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        """Return messages of notified events. Raises DatabaseUnavailable."""
        batch = self._inlet.receive(limit, timeout_s)
        events = [find_event(message) for message in batch]
        event_ids = {event.id for event in events if event is not None}
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            absorbed_ids = replay_queries.select_absorbed(connection, event_ids)
        passed = [
            message
            for message, event in zip(batch, events, strict=True)
            if event is not None and event.id in absorbed_ids
        ]
        passed_ids = {id(message) for message in passed}
        self._inlet.acknowledge([message for message in batch if id(message) not in passed_ids])
        return passed

    def acknowledge(self, batch: Sequence[Received]) -> None:
        self._inlet.acknowledge(batch)

    def drop(self) -> None:
        self._inlet.drop()


class NoHops:
    """Records no timestamps: a replay does not measure the path of an event."""

    def add(self, passed: Sequence[Timing]) -> None:
        pass

    def close(self) -> None:
        pass
