"""Inject faults into a running system and confirm that they happened. Every fault is undone at the end of the run."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psutil

from application import Application, crash_points, leases
from application.components import worker_names
from connectors.admin import AdminUnavailable
from db.errors import DatabaseUnavailable
from domain.message import Message, verbatim
from scenarios.journal import Journal
from scenarios.model import Check, FaultWindow
from scenarios.sources import Sources
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks import faults
from stacks.control import NotRunning, PartUnknown
from stacks.controls import control
from stacks.restarting import restart_component

CONFIRMED_WITHIN_S = 10.0
HEALTHY_WITHIN_S = 120.0
"""On a busy machine, Pulsar's functions worker needs a minute to start again."""
NOTICED_WITHIN_S = 5.0


class Stopped(Exception):
    """The run was asked to stop before its verdict."""


class FaultInjection(Sources):
    def __init__(
        self, settings: Settings, run_id: str, application: Application, journal: Journal, undo: ExitStack
    ) -> None:
        """Set it up. The caller closes `undo`, which ends every fault, also after an error."""
        super().__init__(settings, run_id, application)
        self.stop = threading.Event()
        """Set by others to end the run early."""
        self.confirmations: list[Check] = []
        self.checks: list[Check] = []
        self.windows: list[FaultWindow] = []
        self.errors: list[Message] = []
        """Errors of the judge itself. After one, a missed deadline proves nothing about the system."""
        self._journal = journal
        self._undo = undo

    # The timeline.

    def say(self, kind: str, message: Message, **data: Any) -> None:
        """Add an entry to the timeline."""
        self._journal.say(kind, message, data)

    def say_repair(self, line: str) -> None:
        """Add a line of a repair to the timeline."""
        self.say("note", Message("run.repairs", text=verbatim(line)))

    def check(self, name: Message, ok: bool, detail: Message | None = None) -> None:
        """Record an invariant of this scenario. The run fails when one of them does not hold."""
        self.checks.append(Check.of(name, ok, detail))
        how = Message("check.holds") if ok else Message("check.broken")
        if detail is None:
            self.say("check", Message("check.line", name=name, how=how), ok=ok)
        else:
            self.say("check", Message("check.line_with_detail", name=name, how=how, detail=detail), ok=ok)

    def report_judge_error(self, problem: Message) -> None:
        """Record an error of the judge: the verdict is INCONCLUSIVE, unless the system broke an invariant."""
        self.errors.append(problem)
        self.say("judge_error", Message("verdict.judge_failed", why=problem))

    def confirm(
        self, confirmation: Message, condition: Callable[[], bool], deadline_s: float = CONFIRMED_WITHIN_S
    ) -> bool:
        """Wait until an observation confirms the fault, and return whether it did. If not, the verdict is INCONCLUSIVE.

        `condition` observes the system; it is false on a system without the fault.
        """

        def condition_holds() -> bool:
            with suppress(DatabaseUnavailable, sqlite3.OperationalError, AdminUnavailable, NotRunning, PartUnknown):
                return condition()
            return False

        try:
            self.wait(condition_holds, deadline_s, confirmation)
        except TookTooLong:
            self.confirmations.append(Check.of(confirmation, False, Message("detail.not_within", s=deadline_s)))
            self.say("unconfirmed", Message("verdict.unconfirmed", what=confirmation))
            return False
        self.confirmations.append(Check.of(confirmation, True))
        self.say("confirmed", confirmation)
        return True

    # Waiting.

    def wait(self, condition: Callable[[], bool], deadline_s: float, awaited: Message, every_s: float = 0.05) -> None:
        """Wait until the condition is true. Raises TookTooLong, or Stopped when the run is to end."""

        def condition_or_stop() -> bool:
            if self.stop.is_set():
                raise Stopped
            return condition()

        until(condition_or_stop, deadline_s, awaited, every_s)

    def pause(self, seconds: float) -> None:
        """Let the load continue for some seconds. Raises Stopped when the run is to end."""
        if self.stop.wait(seconds):
            raise Stopped

    def wait_until_healthy(self, deadline_s: float = HEALTHY_WITHIN_S) -> None:
        """Wait until every component is healthy. Raises TookTooLong with the names of those that are not."""
        try:
            self.wait(lambda: not self.down_components(), deadline_s, Message("run.healthy"), 0.1)
        except TookTooLong:
            raise TookTooLong(Message("waiting.not_healthy", s=deadline_s, parts=self.down_components())) from None
        self.say("recovered", Message("run.healthy"))

    # Faults. Each is a context manager: the fault lasts at most until the `with` block is left.

    @contextmanager
    def killed(self, part: str, hold_s: float = 0.0) -> Iterator[None]:
        """Kill a component with SIGKILL and keep it down for `hold_s`. Leaving the block waits for the end of that time."""
        components = control(self.settings)
        pid = components.pid(part)
        self._undo.callback(faults.release, self.settings, part)
        lease = faults.kill(self.settings, part, hold_s)
        self.say("fault", Message("injected.kill", part=part, pid=pid, s=hold_s), part=part, pid=pid)
        noticed_s = self._measure_notice_time(part, pid, lease.started_at)
        self.confirm(Message("confirm.process_dead", pid=pid, part=part), lambda: not psutil.pid_exists(pid))
        yield
        self.pause(max(0.0, lease.expires_at - time.time()))
        faults.release(self.settings, part)
        ended_at = max(lease.expires_at, lease.started_at)
        self._record_fault_end(part, Message("fault.kill"), lease.started_at, ended_at, noticed_s)

    @contextmanager
    def slowed(self, delay_ms: float, longest_s: float = 60) -> Iterator[None]:
        """Make every notifications worker take `delay_ms` longer for each event."""
        workers = worker_names(self.settings)
        for part in workers:
            self._undo.callback(leases.release, self.settings, part, "slow")
            faults.slow(self.settings, part, delay_ms, longest_s)
        started_at = time.time()
        self.say("fault", Message("injected.slow", workers=", ".join(workers), ms=delay_ms), part=workers[0])
        yield
        for part in workers:
            leases.release(self.settings, part, "slow")
        self._record_fault_end(workers[0], Message("fault.slow"), started_at, time.time(), None)

    @contextmanager
    def failing(
        self,
        commission_id: str,
        longest_s: float = 120,
        aggregate_version: int | None = None,
        times: int | None = None,
    ) -> Iterator[None]:
        """Make every notifications worker fail on this commission's events, or only on the event of one version.

        With `times` each process fails only so often at an event, and then processes it.
        """
        workers = worker_names(self.settings)
        for part in workers:
            self._undo.callback(leases.release, self.settings, part, "fail")
            faults.fail(self.settings, part, commission_id, longest_s, aggregate_version, times)
        self.say("fault", Message("injected.fail", id=commission_id), part=workers[0])
        yield
        for part in workers:
            leases.release(self.settings, part, "fail")
        self.say("fault_end", Message("run.worker_works"))

    def crash(self, part: str, point: str, provoke: Callable[[], None] = lambda: None, deadline_s: float = 15) -> bool:
        """Arm a crash point, call `provoke` to reach it, and return whether the process is confirmed to have died there."""
        token = self.settings.control_token.get_secret_value()
        pid = control(self.settings).pid(part)
        self._undo.callback(crash_points.disarm, self.settings, part, point)
        crash_points.arm(self.settings, part, point, token)
        self.say("fault", Message("injected.crash", part=part, point=Message(f"point.{point}")), part=part, point=point)
        provoke()
        point_confirmed = self.confirm(
            Message("confirm.point_reached", part=part),
            lambda: crash_points.read_hit(self.settings, part, point) is not None,
            deadline_s,
        )
        hit = crash_points.read_hit(self.settings, part, point)
        # In a container, process numbers start at 1; the number to look for on this host is Docker's.
        dead_pid = hit.pid if hit is not None and not self.settings.facts.in_containers else pid
        is_dead = Message("confirm.process_dead", pid=dead_pid, part=part)
        death_confirmed = self.confirm(is_dead, lambda: not psutil.pid_exists(dead_pid))
        died_at = time.time() if hit is None else hit.at
        noticed_s = self._measure_notice_time(part, dead_pid, died_at)
        self._record_fault_end(part, Message("fault.crash", point=point), died_at, died_at, noticed_s)
        return point_confirmed and death_confirmed

    @contextmanager
    def restarted(self, part: str) -> Iterator[None]:
        """Stop a component and start it again."""
        started_at = time.time()
        restart_component(self.settings, part)
        ended_at = time.time()
        self.say("fault", Message("injected.restart", part=part), part=part)
        yield
        self._record_fault_end(part, Message("fault.restart"), started_at, ended_at, 0.0)

    @contextmanager
    def injected(self, part: str, fault: Message, act: Callable[[], object]) -> Iterator[None]:
        """Inject any other fault by calling `act`. Leaving the block records the fault's end."""
        started_at = time.time()
        act()
        self.say("fault", Message("injected.other", part=part, fault=fault), part=part)
        ended_at = time.time()
        yield
        self._record_fault_end(part, fault, started_at, ended_at, None)

    def at_end(self, action: Callable[[], object]) -> None:
        """Call `action` at the end of the run, after its verdict or when it is stopped."""
        self._undo.callback(action)

    @contextmanager
    def cleaned_up(self, clean: Callable[[], object]) -> Iterator[None]:
        """Call `clean` once: when the block is left, or at the end of the run."""
        cleaning = ExitStack()
        cleaning.callback(clean)
        self._undo.callback(cleaning.close)
        with cleaning:
            yield

    @contextmanager
    def leased(
        self, part: str, fault: Message, begin: Callable[[], leases.Lease], end: Callable[[], None]
    ) -> Iterator[None]:
        """Cause a fault that has a lease: `begin` grants the lease, and `end` ends it unless it has expired."""
        self._undo.callback(end)
        lease = begin()
        self.say("fault", Message("injected.other", part=part, fault=fault), part=part)
        yield
        end()
        self._record_fault_end(part, fault, lease.started_at, time.time(), None)

    def _measure_notice_time(self, part: str, pid: int, since: float) -> float | None:
        components = control(self.settings)

        def pid_changed() -> bool:
            try:
                return components.pid(part) != pid
            except (NotRunning, PartUnknown):
                return False

        with suppress(TookTooLong):
            until(pid_changed, NOTICED_WITHIN_S, "noticed", 0.01)
            return round(time.time() - since, 3)
        return None

    def _record_fault_end(
        self, part: str, fault: Message, started_at: float, ended_at: float, noticed_s: float | None
    ) -> None:
        self.windows.append(FaultWindow(part, str(fault), started_at, ended_at, noticed_s, message=fault))
        self.say("fault_end", Message("run.fault_over", fault=fault, part=part), part=part)
