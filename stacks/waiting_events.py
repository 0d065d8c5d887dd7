"""Find out which events wait for which component, and since when: what is missing, and not how far two numbers are apart.

An event that was committed waits for the capture until the observer has seen it published, or it has its notification
anyway; then for the notifications worker. An event that was notified although the observer did not see it waits for the
observer. Commands that the observer saw on their topic wait for the commands worker.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from db import waiting_queries
from db.engine import READ
from db.errors import translated
from domain import clock
from settings import Settings
from workers import observer_lookups
from workers.heartbeat import read_heartbeat

LATE_AFTER_S = 1.5
"""An event passes each component within some hundredths of a second, and within a few tenths on a busy machine."""
COMPARED = 300
"""Number of the newest notifications, and commands, that are compared with what the observer saw."""
RECENT = timedelta(minutes=1)
"""How long ago an event was notified that the observer must have seen; a restored back-up has older ones."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The events that wait for one component."""

    count: int = 0
    oldest_s: float = 0.0

    @property
    def is_late(self) -> bool:
        return self.oldest_s > LATE_AFTER_S


@dataclass(frozen=True, slots=True)
class WaitingEvents:
    capture: Waiting
    notifications: Waiting
    observer: Waiting
    commands: Waiting


def read_waiting(settings: Settings, engine: Engine) -> WaitingEvents:
    """Return what waits now. Raises DatabaseUnavailable."""
    store = settings.observer_store
    now_us = time.time_ns() // 1000
    recent = clock.from_epoch_us(now_us) - RECENT
    with translated(), engine.connect().execution_options(**READ) as connection:
        notified = waiting_queries.read_newest_notified(connection, COMPARED, recent)
        unsettled = waiting_queries.find_unsettled(connection)
    try:
        observed = observer_lookups.observed_since(store, [step.event_id for step in (*unsettled, *notified)])
    except sqlite3.Error:
        observed = {step.event_id: step.at_us for step in notified}  # without a store, nobody waits for the observer
    return WaitingEvents(
        capture=_count(now_us, (step.at_us for step in unsettled if step.event_id not in observed)),
        notifications=_count(now_us, (observed[step.event_id] for step in unsettled if step.event_id in observed)),
        observer=_count(now_us, [step.at_us for step in notified if step.event_id not in observed]),
        commands=_count(now_us, _times_of_commands(settings)),
    )


def _times_of_commands(settings: Settings) -> list[int]:
    """Return when the observer saw the commands that were published after the last one that the worker has processed."""
    heartbeat = read_heartbeat(settings, "commands")
    if heartbeat is None or heartbeat.reached_us is None:
        return []
    try:
        return observer_lookups.published_after(
            settings.observer_store, settings.topics.commands, heartbeat.reached_us, COMPARED
        )
    except sqlite3.Error:
        return []


def _count(now_us: int, times_us: Iterable[int]) -> Waiting:
    times = list(times_us)
    return Waiting(len(times), max(0.0, (now_us - min(times)) / 1e6)) if times else Waiting()
