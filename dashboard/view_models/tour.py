"""Find which steps of the tour have happened since it began: in tables, leases, runs and files, not by clicks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection

from application import Application, leases
from application.leases import Window
from db import lookups, queries
from db.hops import HOPS
from db.queries import OutboxRow
from domain import clock
from domain.changes.approve import CommissionApproved
from domain.changes.calculate import CommissionCalculated
from scenarios import journal
from scenarios.journal import Run
from settings import Settings

NEWEST = 500
REREAD_AFTER_S = 10.0
STEPS = ("command", "arrives", "trace", "twice", "approve", "kill", "goes_on", "everything", "scenario", "evidence")


@dataclass(frozen=True, slots=True)
class TourFacts:
    """What the tour looks at. It covers all visitors; `find_done` leaves out what happened before the tour began."""

    outbox: tuple[OutboxRow, ...] = ()
    """Newest first."""
    notified: frozenset[str] = frozenset()
    """Ids of the events in `outbox` that have a notification."""
    traced: frozenset[str] = frozenset()
    """Ids of the events in `outbox` that have all timestamps."""
    waiting: int = 0
    """The number of committed events that are not notified, at most `NEWEST`."""
    windows: tuple[Window, ...] = ()
    runs: tuple[Run, ...] = ()
    evidence: tuple[float, ...] = field(default_factory=tuple)
    """When evidence files were written, seconds since the epoch."""


class Reader:
    """Read the facts. Events are read again only when the database has changed, or `REREAD_AFTER_S` after the last read."""

    def __init__(self, settings: Settings, application: Application, version: Callable[[], int]) -> None:
        self._settings, self._application, self._version = settings, application, version
        self._read_version = -1
        self._read_at = 0.0
        self._facts = TourFacts()

    def read(self) -> TourFacts:
        """Return the facts. Raises DatabaseUnavailable."""
        version = self._version()
        with self._application.reading() as connection:
            if version != self._read_version or time.monotonic() - self._read_at > REREAD_AFTER_S:
                self._facts = _read_events(connection)
                self._read_version, self._read_at = version, time.monotonic()
            runs = tuple(journal.list_runs(connection, 20))
        return replace(
            self._facts,
            windows=tuple(leases.windows(self._settings)),
            runs=runs,
            evidence=tuple(_list_evidence_times(self._settings.data / "scenarios")),
        )


def _read_events(connection: Connection) -> TourFacts:
    outbox = tuple(queries.recent_outbox(connection, NEWEST))
    ids = [row.id for row in outbox]
    hops = queries.read_hop_times(connection, ids)
    missing = frozenset(lookups.find_not_notified(connection, NEWEST))
    return TourFacts(
        outbox=outbox,
        notified=frozenset(ids) - missing,
        traced=frozenset(event_id for event_id in ids if set(HOPS) <= set(hops.get(event_id, {}))),
        waiting=len(missing),
    )


def find_done(facts: TourFacts, since: float, now: float, refused_twice: bool) -> frozenset[str]:
    """Return the steps that happened; `since` and `now` are in seconds since the epoch.

    `refused_twice` says whether this session's duplicate conversion was refused, which no table shows.
    """
    rows = [row for row in facts.outbox if clock.epoch_us(row.occurred_at) / 1e6 >= since]
    mine = {row.id for row in rows}
    kills = [window for window in facts.windows if _is_broker_kill(window, since)]
    over = [window for window in kills if window.ended_at <= now]
    within = [row for row in rows if any(_is_inside(row, window) for window in kills)]
    runs = [run for run in facts.runs if run.state == "finished" and clock.epoch_us(run.started_at) / 1e6 >= since]
    happened_by_step = {
        "command": any(row.type == CommissionCalculated.type for row in rows),
        "arrives": bool(mine & facts.notified),
        "trace": bool(mine & facts.traced),
        "twice": refused_twice or any(run.name == "duplicate-command" and run.verdict == "PASS" for run in runs),
        "approve": any(row.type == CommissionApproved.type for row in rows),
        "kill": bool(kills),
        "goes_on": bool(within),
        "everything": bool(within) and len(over) == len(kills) and facts.waiting == 0,
        "scenario": bool(runs),
        "evidence": any(at >= since for at in facts.evidence),
    }
    return frozenset(step for step, happened in happened_by_step.items() if happened)


def find_next(ticked: Iterable[str]) -> str | None:
    """Return the first step that has not happened yet; None when all have."""
    happened = set(ticked)
    return next((step for step in STEPS if step not in happened), None)


def _is_broker_kill(window: Window, since: float) -> bool:
    return window.part == "broker" and window.fault == "kill" and window.started_at >= since


def _is_inside(row: OutboxRow, window: Window) -> bool:
    return window.started_at <= clock.epoch_us(row.occurred_at) / 1e6 <= window.ended_at


def _list_evidence_times(folder: Path) -> list[float]:
    return [path.stat().st_mtime for path in folder.glob("*/evidence.html")]
