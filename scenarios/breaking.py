"""Breaking the parts of a running system, and confirming that they broke. Everything is undone at the end of the run."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psutil

from application import Application, crash_points, leases
from connectors.admin import AdminUnavailable
from db.errors import DatabaseUnavailable
from scenarios.journal import Journal
from scenarios.model import Check, FaultWindow
from scenarios.sources import Sources
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks import faults, source_control
from stacks.control import NotRunning, PartUnknown
from stacks.controls import control
from stacks.python_parts import worker_names

CONFIRMED_WITHIN_S = 10.0
WHOLE_WITHIN_S = 120.0
"""A busy machine needs a minute for a Pulsar whose functions worker has to come up again."""
NOTICED_WITHIN_S = 5.0


class Stopped(Exception):
    """The run was asked to stop before its verdict."""


class Breaking(Sources):
    def __init__(
        self, settings: Settings, run_id: str, application: Application, journal: Journal, undo: ExitStack
    ) -> None:
        """`undo` is closed by its owner, whatever happens."""
        super().__init__(settings, run_id, application)
        self.stop = threading.Event()
        """Set from outside when the run is to end early."""
        self.confirmations: list[Check] = []
        self.checks: list[Check] = []
        self.windows: list[FaultWindow] = []
        self.errors: list[str] = []
        """What the judging side itself could not do: with one, missing time proves nothing about the system."""
        self._journal = journal
        self._undo = undo

    # What it tells.

    def say(self, kind: str, text: str, **data: Any) -> None:
        """An entry of the timeline."""
        self._journal.say(kind, text, data)

    def check(self, name: str, ok: bool, detail: str = "") -> None:
        """One more invariant of this scenario: a run with one that does not hold fails."""
        self.checks.append(Check(name, ok, detail))
        self.say("check", f"{name}: {'holds' if ok else 'DOES NOT HOLD'}{f' ({detail})' if detail else ''}", ok=ok)

    def failed(self, what: str) -> None:
        """An error of the judging side: the verdict is INCONCLUSIVE, unless the system broke an invariant."""
        self.errors.append(what)
        self.say("judge_error", f"the judge failed: {what}")

    def confirm(self, what: str, condition: Callable[[], bool], deadline_s: float = CONFIRMED_WITHIN_S) -> bool:
        """The fault really happened: without this, the verdict is INCONCLUSIVE.

        `condition` looks at the system, and is false where nothing was done to it.
        """

        def seen() -> bool:
            with suppress(DatabaseUnavailable, sqlite3.OperationalError, AdminUnavailable, NotRunning, PartUnknown):
                return condition()
            return False

        try:
            self.wait(seen, deadline_s, what)
        except TookTooLong:
            self.confirmations.append(Check(what, False, f"not within {deadline_s:g} s"))
            self.say("unconfirmed", f"not confirmed: {what}")
            return False
        self.confirmations.append(Check(what, True))
        self.say("confirmed", what)
        return True

    # What it waits for.

    def wait(self, condition: Callable[[], bool], deadline_s: float, what: str, every_s: float = 0.05) -> None:
        """Raises TookTooLong, or Stopped when the run is to end."""

        def met() -> bool:
            if self.stop.is_set():
                raise Stopped
            return condition()

        until(met, deadline_s, what, every_s)

    def pause(self, seconds: float) -> None:
        """Let the load go on for so long. Raises Stopped."""
        if self.stop.wait(seconds):
            raise Stopped

    def whole(self, deadline_s: float = WHOLE_WITHIN_S) -> None:
        """Until every part is well again. Raises TookTooLong naming those that are not."""
        try:
            self.wait(lambda: not self.ill(), deadline_s, "every part well again", 0.1)
        except TookTooLong:
            raise TookTooLong(f"not well again after {deadline_s:g} s: {', '.join(self.ill())}") from None
        self.say("recovered", "every part is well")

    # What it breaks.

    @contextmanager
    def killed(self, part: str, hold_s: float = 0.0) -> Iterator[None]:
        """SIGKILL a part and keep it down for `hold_s`; leaving waits for the end of that time."""
        parts = control(self.settings)
        pid = parts.pid(part)
        self._undo.callback(faults.release, self.settings, part)
        lease = faults.kill(self.settings, part, hold_s)
        self.say("fault", f"SIGKILL of {part}, pid {pid}, down for {hold_s:g} s", part=part, pid=pid)
        noticed = self._noticed(part, pid, lease.started_at)
        self.confirm(f"process {pid} of {part} is dead", lambda: not psutil.pid_exists(pid))
        yield
        self.pause(max(0.0, lease.expires_at - time.time()))
        faults.release(self.settings, part)
        self._fault_ended(part, "kill", lease.started_at, max(lease.expires_at, lease.started_at), noticed)

    @contextmanager
    def slowed(self, delay_ms: float, longest_s: float = 60) -> Iterator[None]:
        """Make every notifications worker take so much longer for each event."""
        workers = worker_names(self.settings)
        for part in workers:
            self._undo.callback(leases.release, self.settings, part, "slow")
            faults.slow(self.settings, part, delay_ms, longest_s)
        began = time.time()
        self.say("fault", f"{', '.join(workers)} take {delay_ms:g} ms more for each event", part=workers[0])
        yield
        for part in workers:
            leases.release(self.settings, part, "slow")
        self._fault_ended(workers[0], "slow", began, time.time(), None)

    @contextmanager
    def failing(
        self, commission_id: str, longest_s: float = 120, aggregate_version: int | None = None
    ) -> Iterator[None]:
        """Make every notifications worker fail for this commission's events, or for the one of a version only."""
        workers = worker_names(self.settings)
        for part in workers:
            self._undo.callback(leases.release, self.settings, part, "fail")
            faults.fail(self.settings, part, commission_id, longest_s, aggregate_version)
        self.say("fault", f"whatever comes of commission {commission_id} fails in the worker", part=workers[0])
        yield
        for part in workers:
            leases.release(self.settings, part, "fail")
        self.say("fault_end", "the worker is mended")

    def crash(self, part: str, point: str, provoke: Callable[[], None] = lambda: None, deadline_s: float = 15) -> bool:
        """Arm a crash point, `provoke` it, and prove that the process died there; whether that is confirmed."""
        token = self.settings.control_token.get_secret_value()
        pid = control(self.settings).pid(part)
        self._undo.callback(crash_points.disarm, self.settings, part, point)
        crash_points.arm(self.settings, part, point, token)
        self.say("fault", f"{part} dies where {crash_points.POINTS[point]}", part=part, point=point)
        provoke()
        reached = self.confirm(
            f"{part} reached that point", lambda: crash_points.hit(self.settings, part, point) is not None, deadline_s
        )
        hit = crash_points.hit(self.settings, part, point)
        # In a container the process counts from one: there Docker's own number is the one to look for.
        dead = hit.pid if hit is not None and self.settings.stack != "compose" else pid
        died = self.confirm(f"process {dead} of {part} is dead", lambda: not psutil.pid_exists(dead))
        at = time.time() if hit is None else hit.at
        self._fault_ended(part, f"crash at {point}", at, at, self._noticed(part, dead, at))
        return reached and died

    @contextmanager
    def restarted(self, part: str) -> Iterator[None]:
        """Stop a part politely and start it again; `source` is Debezium's, or the relay where that captures."""
        began = time.time()
        if part == "source":
            source_control.act(self.settings, "restart")
        else:
            faults.restart(self.settings, part)
        ended = time.time()
        self.say("fault", f"{part} was restarted", part=part)
        yield
        self._fault_ended(part, "restart", began, ended, 0.0)

    @contextmanager
    def injected(self, part: str, fault: str, act: Callable[[], object]) -> Iterator[None]:
        """Any other fault: `act` does it, leaving says that it is over."""
        began = time.time()
        act()
        self.say("fault", f"{part}: {fault}", part=part)
        ended = time.time()
        yield
        self._fault_ended(part, fault, began, ended, None)

    def _noticed(self, part: str, pid: int, since: float) -> float | None:
        parts = control(self.settings)

        def seen() -> bool:
            try:
                return parts.pid(part) != pid
            except (NotRunning, PartUnknown):
                return False

        with suppress(TookTooLong):
            until(seen, NOTICED_WITHIN_S, "noticed", 0.01)
            return round(time.time() - since, 3)
        return None

    def _fault_ended(self, part: str, fault: str, began: float, ended: float, noticed: float | None) -> None:
        self.windows.append(FaultWindow(part, fault, began, ended, noticed))
        self.say("fault_end", f"the {fault} of {part} is over", part=part)
