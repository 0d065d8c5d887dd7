"""Kill and restart components from the page, and observe what happens: down, recovered, and whether anything was lost.

Every time and count is observed on the running components, by a thread that follows the incident.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import psutil

from application.components import find_component
from application.permissions import Action, Caller, require
from dashboard.view_models.reconciling import Counts, counts
from dashboard.view_models.refresher import Refresher
from db import queries
from db.errors import DatabaseUnavailable
from domain.message import Message, extract_message
from settings import Settings
from stacks import faults, health, restarting
from stacks.supervisor import NotRunning, PartUnknown, Supervisor
from workers.heartbeat import read_heartbeat

MOST_INCIDENTS = 8
LOOK_EVERY_S = 0.1
DOWN_WITHIN_S = 20.0
BACK_WITHIN_S = 120.0
ARRIVES_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Incident:
    n: int
    part: str
    action: str
    """`kill` or `restart`."""
    hold_s: float
    at: float
    """Seconds since the epoch, as the three times below; None stands for not observed yet."""
    down_at: float | None = None
    back_at: float | None = None
    arrived_at: float | None = None
    """When every event committed by `back_at` was published, notified and audited."""
    before: Counts | None = None
    back: Counts | None = None
    after: Counts | None = None
    problem: Message | None = None
    over: bool = False
    """No thread follows it any more."""

    @property
    def meanwhile(self) -> int | None:
        """Return the events committed from the kill until the component was healthy; None if not known."""
        if self.before is None or self.back is None or None in (self.before.committed, self.back.committed):
            return None
        return (self.back.committed or 0) - (self.before.committed or 0)

    @property
    def absorbed(self) -> int:
        """Return how many duplicates were absorbed during the incident."""
        if self.before is None or self.after is None:
            return 0
        return max(0, (self.after.duplicates or 0) - (self.before.duplicates or 0))


class Incidents:
    """Cause and follow incidents, for all sessions; thread-safe. Methods that inject a fault may raise Forbidden."""

    def __init__(self, settings: Settings, refresher: Refresher) -> None:
        self._settings, self._refresher = settings, refresher
        self._lock = threading.Lock()
        self._incidents: dict[int, Incident] = {}
        self._count = 0

    def newest(self) -> tuple[Incident, ...]:
        """Return the last incidents, newest first."""
        with self._lock:
            return tuple(sorted(self._incidents.values(), key=lambda incident: -incident.n))

    def kill(self, part: str, hold_s: float) -> None:
        require(self._settings, Action.KILL_PARTS, Caller.PAGE)
        self._begin(part, "kill", hold_s, lambda: faults.kill(self._settings, part, hold_s))

    def restart(self, part: str) -> None:
        require(self._settings, restarting.get_permission(part), Caller.PAGE)
        self._begin(part, "restart", 0.0, lambda: restarting.restart_component(self._settings, part))

    def release(self, part: str) -> None:
        require(self._settings, Action.KILL_PARTS, Caller.PAGE)
        faults.release(self._settings, part)

    def _begin(self, part: str, action: str, hold_s: float, act: Callable[[], object]) -> None:
        with self._lock:
            self._count += 1
            incident = Incident(self._count, part, action, hold_s, time.time())
            self._incidents[incident.n] = incident
            for n in sorted(self._incidents)[:-MOST_INCIDENTS]:
                del self._incidents[n]
        threading.Thread(target=self._follow, args=(incident, act), name=f"incident-{part}", daemon=True).start()

    def _follow(self, incident: Incident, act: Callable[[], object]) -> None:
        try:
            is_connector = find_component(incident.part).is_connector
            pid = 0 if is_connector else Supervisor(self._settings).pid(incident.part)
            self._note(incident, before=self._read_counts())
            acting = threading.Thread(target=self._act, args=(incident, act), daemon=True)
            acting.start()
            self._wait_until(
                lambda: self._is_down(incident, pid, acting),
                DOWN_WITHIN_S,
                Message("incident.not_down", s=round(DOWN_WITHIN_S)),
            )
            self._note(incident, down_at=time.time())
            self._wait_until(
                lambda: not acting.is_alive() and self._has_recovered(incident.part, pid),
                self._deadline_s(incident),
                Message("incident.not_back", s=round(self._deadline_s(incident))),
            )
            back = self._read_counts()
            self._note(incident, back_at=time.time(), back=back)
            missing = Message("incident.events_missing", s=round(ARRIVES_WITHIN_S))
            self._wait_until(lambda: self._have_all_arrived(back), ARRIVES_WITHIN_S, missing)
            after = counts(self._refresher.database, self._refresher.feed)
            self._note(incident, arrived_at=time.time(), after=after, over=True)
        except Exception as error:
            # The page shows the message of any exception.
            self._note(incident, problem=extract_message(error), over=True)

    def _read_counts(self) -> Counts:
        """Return the counts, with the events committed by now and not by the last read: all of these have to arrive."""
        self._refresher.look()
        counted = counts(self._refresher.database, self._refresher.feed)
        with suppress(DatabaseUnavailable), self._refresher.application.reading() as connection:
            counted = replace(counted, committed=queries.count_outbox(connection))
        return counted

    def _act(self, incident: Incident, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:
            self._note(incident, problem=extract_message(error), over=True)

    def _is_down(self, incident: Incident, pid: int, acting: threading.Thread) -> bool:
        if pid:
            return not psutil.pid_exists(pid)
        return not acting.is_alive()

    def _has_recovered(self, part: str, old_pid: int) -> bool:
        """Return whether a new process runs and is not down; a worker's last heartbeat must come from this process."""
        rows = health.check(self._settings, self._refresher.application.engine)
        if not any(row.part == part and row.light != "down" for row in rows):
            return False
        if find_component(part).is_connector:
            return True
        try:
            pid = Supervisor(self._settings).pid(part)
        except (PartUnknown, NotRunning):
            return False
        last = read_heartbeat(self._settings, part)
        return pid not in (0, old_pid) and (last is None or (last.pid == pid and last.connected))

    def _have_all_arrived(self, back: Counts) -> bool:
        now = counts(self._refresher.database, self._refresher.feed)
        goal = back.committed if back.committed is not None else now.committed
        return goal is not None and all(count is not None and count >= goal for count in now.arrived())

    def _wait_until(self, met: Callable[[], bool], deadline_s: float, unmet: Message) -> None:
        """Wait until the condition is met. Raises TimeoutError, which says what did not happen, after `deadline_s`."""
        deadline = time.monotonic() + deadline_s
        pause = threading.Event()
        while not met():
            self._refresher.look()
            if time.monotonic() > deadline:
                raise TimeoutError(unmet)
            pause.wait(LOOK_EVERY_S)

    def _deadline_s(self, incident: Incident) -> float:
        return incident.hold_s + BACK_WITHIN_S

    def _note(self, incident: Incident, **changes: object) -> None:
        with self._lock:
            if incident.n in self._incidents:
                self._incidents[incident.n] = replace(self._incidents[incident.n], **changes)  # type: ignore[arg-type]
