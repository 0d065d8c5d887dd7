"""What happened after a part was killed or restarted from the page: went down, came back, and whether anything was lost.

Every time and count is observed on the running parts by the thread that follows the incident.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import psutil

from application.permissions import Action, Caller, require
from dashboard.view_models.reconciling import Counts, counts
from dashboard.view_models.refresher import Refresher
from db import queries
from db.errors import DatabaseUnavailable
from settings import Settings
from stacks import faults, health, source_control
from stacks.supervisor import NotRunning, PartUnknown, Supervisor
from workers.heartbeat import read_heartbeat

KEPT = 8
LOOK_EVERY_S = 0.1
DOWN_WITHIN_S = 20.0
BACK_WITHIN_S = 120.0
ARRIVES_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Incident:
    n: int
    part: str
    action: str
    """kill or restart."""
    hold_s: float
    at: float
    """Seconds since the epoch, as the three below; None: not seen yet."""
    down_at: float | None = None
    back_at: float | None = None
    arrived_at: float | None = None
    """When every event committed by `back_at` was published, notified and audited."""
    before: Counts | None = None
    back: Counts | None = None
    after: Counts | None = None
    problem: str | None = None
    over: bool = False
    """Nobody follows it any more."""

    @property
    def meanwhile(self) -> int | None:
        """Events committed from the kill until the part was back."""
        if self.before is None or self.back is None or None in (self.before.committed, self.back.committed):
            return None
        return (self.back.committed or 0) - (self.before.committed or 0)

    @property
    def absorbed(self) -> int:
        """Deliveries that came a second time and changed nothing."""
        if self.before is None or self.after is None:
            return 0
        return max(0, (self.after.duplicates or 0) - (self.before.duplicates or 0))


class Incidents:
    """Shared by all sessions; thread-safe. What breaks something raises Forbidden where a page may not."""

    def __init__(self, settings: Settings, refresher: Refresher) -> None:
        self._settings, self._refresher = settings, refresher
        self._lock = threading.Lock()
        self._found: dict[int, Incident] = {}
        self._count = 0

    def newest(self) -> tuple[Incident, ...]:
        """Newest first."""
        with self._lock:
            return tuple(sorted(self._found.values(), key=lambda one: -one.n))

    def kill(self, part: str, hold_s: float) -> None:
        require(self._settings, Action.KILL_PARTS, Caller.PAGE)
        self._begin(part, "kill", hold_s, lambda: faults.kill(self._settings, part, hold_s))

    def restart(self, part: str) -> None:
        require(self._settings, Action.CONTROL_SOURCE if part == "source" else Action.RESTART_PARTS, Caller.PAGE)
        if part == "source":
            self._begin(part, "restart", 0.0, lambda: source_control.act(self._settings, "restart"))
        else:
            self._begin(part, "restart", 0.0, lambda: faults.restart(self._settings, part))

    def release(self, part: str) -> None:
        require(self._settings, Action.KILL_PARTS, Caller.PAGE)
        faults.release(self._settings, part)

    def _begin(self, part: str, action: str, hold_s: float, act: Callable[[], object]) -> None:
        with self._lock:
            self._count += 1
            made = Incident(self._count, part, action, hold_s, time.time())
            self._found[made.n] = made
            for n in sorted(self._found)[:-KEPT]:
                del self._found[n]
        threading.Thread(target=self._follow, args=(made, act), name=f"incident-{part}", daemon=True).start()

    def _follow(self, made: Incident, act: Callable[[], object]) -> None:
        try:
            pid = 0 if made.part == "source" else Supervisor(self._settings).pid(made.part)
            self._note(made, before=self._counted())
            done = threading.Thread(target=self._act, args=(made, act), daemon=True)
            done.start()
            self._until(lambda: self._gone(made, pid, done), DOWN_WITHIN_S, "did not go down")
            self._note(made, down_at=time.time())
            self._until(lambda: not done.is_alive() and self._well(made.part, pid), self._patience(made), "is not back")
            back = self._counted()
            self._note(made, back_at=time.time(), back=back)
            self._until(lambda: self._all_there(back), ARRIVES_WITHIN_S, "events are missing")
            after = counts(self._refresher.database, self._refresher.feed)
            self._note(made, arrived_at=time.time(), after=after, over=True)
        except Exception as error:
            # Told on the page in words, whatever it was.
            self._note(made, problem=str(error) or type(error).__name__, over=True)

    def _counted(self) -> Counts:
        """With the events committed by now, not by the readers' last look: they are what has to arrive."""
        self._refresher.look()
        found = counts(self._refresher.database, self._refresher.feed)
        with suppress(DatabaseUnavailable), self._refresher.application.reading() as connection:
            found = replace(found, committed=queries.count_outbox(connection))
        return found

    def _act(self, made: Incident, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:
            self._note(made, problem=str(error) or type(error).__name__, over=True)

    def _gone(self, made: Incident, pid: int, done: threading.Thread) -> bool:
        if pid:
            return not psutil.pid_exists(pid)
        return not done.is_alive()

    def _well(self, part: str, old_pid: int) -> bool:
        """Another process than before, which answers; a worker's last sign of life must be its own."""
        rows = health.check(self._settings, self._refresher.application.engine)
        if not any(row.part == part and row.light != "down" for row in rows):
            return False
        if part == "source":
            return True
        try:
            pid = Supervisor(self._settings).pid(part)
        except (PartUnknown, NotRunning):
            return False
        last = read_heartbeat(self._settings, part)
        return pid not in (0, old_pid) and (last is None or (last.pid == pid and last.connected))

    def _all_there(self, back: Counts) -> bool:
        now = counts(self._refresher.database, self._refresher.feed)
        goal = back.committed if back.committed is not None else now.committed
        return goal is not None and all(count is not None and count >= goal for count in now.arrived())

    def _until(self, met: Callable[[], bool], deadline_s: float, what: str) -> None:
        """Raises TimeoutError saying what did not come."""
        deadline = time.monotonic() + deadline_s
        pause = threading.Event()
        while not met():
            self._refresher.look()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} after {deadline_s:.0f} s")
            pause.wait(LOOK_EVERY_S)

    def _patience(self, made: Incident) -> float:
        return made.hold_s + BACK_WITHIN_S

    def _note(self, made: Incident, **changes: object) -> None:
        with self._lock:
            if made.n in self._found:
                self._found[made.n] = replace(self._found[made.n], **changes)  # type: ignore[arg-type]
