"""A trial without components: capture and workers do their work whenever the experiment waits, and faults are only noted."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from db import notification_queries
from db.engine import READ
from db.outbox import OutboxFeed
from domain.commands import ApproveCommission, CalculateCommission
from domain.message import Message
from domain.outbox import OutboxRecord
from scenarios.journal import Journal
from scenarios.load import AcknowledgedCommand
from scenarios.trial import Trial
from scenarios.waiting import until
from tests.instances import Instance
from workers import audit_file

MOST_PAIRS = 3


class SteadyLoad:
    """Sends pairs of commands when the experiment waits for more, or pauses."""

    def __init__(self, trial: UnitTrial) -> None:
        self.sent: list[AcknowledgedCommand] = []
        self.unacknowledged = 0
        self._trial = trial

    @property
    def event_ids(self) -> set[str]:
        return {event_id for command in self.sent for event_id in command.event_ids}

    def wait_for_more(self, by: int, _deadline_s: float = 0) -> None:
        for _ in range(min((by + 1) // 2, MOST_PAIRS)):
            self.send_pair()

    def stop(self) -> None: ...

    def send_pair(self) -> None:
        if self._trial.refuses:
            self.unacknowledged += 2
            return
        calculated = self._trial.calculate()
        approved = self._trial.approve(calculated.commission_id)
        run_id = self._trial.run_id
        calculate = CalculateCommission(calculated.commission_id, "aff-1", "cmp-1", "1.00", "USD", run_id)
        approve = ApproveCommission(calculated.commission_id, run_id)
        for command, result in ((calculate, calculated), (approve, approved)):
            self.sent.append(AcknowledgedCommand(command, time.time(), self._trial.command_ms, result.event_ids))


class UnitTrial(Trial):
    def __init__(self, instance: Instance) -> None:
        run_id = str(uuid.uuid4())
        super().__init__(instance.settings, run_id, 1, Journal(instance.settings, instance.engine, run_id))
        self.instance = instance
        self.faults: list[tuple[str, str]] = []
        """(what was done, to which component)."""
        self.refuses = False
        """Whether the database refuses commands."""
        self.command_ms = 1.0
        """Duration of every command."""
        self.passes_on = True
        """Whether capture and workers work."""
        self.patience_s = 0.0
        """How long a wait goes on for what another thread does. Without one, a condition holds at once or never."""
        self.during_fault: Callable[[], None] = lambda: None
        """Called when a fault begins."""
        self._passed = 0
        self._load: SteadyLoad | None = None

    def outcome(self) -> dict[str, bool]:
        """Return code → result of each check and confirmation."""
        rows = (*self.confirmations, *self.checks)
        return {row.message.code: row.ok for row in rows if row.message is not None}

    def broken(self) -> set[str]:
        """Return the codes of the checks and confirmations that did not hold."""
        return {code for code, ok in self.outcome().items() if not ok}

    def rows(self) -> list[OutboxRecord]:
        """Return the outbox."""
        feed = OutboxFeed(self.instance.engine)
        rows = [row for row in feed.after(0, 1000) if isinstance(row, OutboxRecord)]
        feed.close()
        return rows

    def catch_up(self) -> None:
        """Publish, notify and audit what was committed since the last call."""
        if not self.passes_on:
            return
        rows = [row for row in self.rows() if row.seq > self._passed]
        if rows:
            self._passed = rows[-1].seq
            self.instance.pass_rows(rows)

    def repair_audit_file(self) -> None:
        with self.instance.engine.connect().execution_options(**READ) as connection:
            notifications = notification_queries.notifications_after(connection, 0)
        self.settings.audit_file.unlink(missing_ok=True)
        self.settings.audit_file.touch()
        audit_file.append(self.settings.audit_file, notifications)

    def wait(self, condition: Callable[[], bool], deadline_s: float, what: Message, every_s: float = 0.05) -> None:
        self.catch_up()
        until(condition, self.patience_s, what, min(every_s, 0.02))

    def pause(self, seconds: float) -> None:
        if self._load is not None:
            self._load.send_pair()

    def down_components(self) -> tuple[Message, ...]:
        return ()

    @contextmanager
    def load(self, per_second: float = 0, *, all_routes: bool = False) -> Iterator[Any]:
        self._load = SteadyLoad(self)
        self._load.wait_for_more(4)
        yield self._load
        self._load = None

    @contextmanager
    def _fault(self, what: str, part: str) -> Iterator[None]:
        self.faults.append((what, part))
        self.during_fault()
        yield

    def killed(self, part: str, hold_s: float = 0.0) -> Any:
        return self._fault("killed", part)

    def restarted(self, part: str) -> Any:
        return self._fault("restarted", part)

    @contextmanager
    def slowed(self, delay_ms: float, longest_s: float = 60) -> Iterator[None]:
        with self._fault("slowed", self.worker):
            self.passes_on = False
            yield
            self.passes_on = True

    def crash(self, part: str, point: str, provoke: Callable[[], None] = lambda: None, deadline_s: float = 15) -> bool:
        self.faults.append((point, part))
        provoke()
        return True

    def replacement_check(self, part: str) -> Callable[[], bool]:
        return lambda: True

    def connection_check(self, part: str) -> Callable[[], bool]:
        return lambda: True
