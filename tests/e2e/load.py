"""A steady stream of commands, of which it is known which were acknowledged."""

from __future__ import annotations

import threading
import uuid

from application import Application
from db import queries
from db.engine import connect
from db.errors import DatabaseUnavailable
from domain.commands import ApproveCommission, CalculateCommission
from scenarios.reconciliation import Reconciliation, reconcile
from scenarios.waiting import until
from settings import Settings
from stacks import health

APART_S = 0.01


class Load:
    """Calculates and approves in a thread; `finish()` waits until everything settled and compares the sources."""

    def __init__(self, settings: Settings) -> None:
        self.correlation_id = str(uuid.uuid4())
        self.acknowledged: set[str] = set()
        self.failed = 0
        self._settings = settings
        self._application = Application(settings, pool_size=2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        self.grows(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._application.close()

    def grows(self, by: int, deadline_s: float = 60) -> None:
        """Until so many more commands were acknowledged."""
        goal = len(self.acknowledged) + by
        until(lambda: len(self.acknowledged) >= goal, deadline_s, f"{by} more commands acknowledged")

    def finish(self, deadline_s: float = 60) -> Reconciliation:
        self._stop.set()
        self._thread.join()
        engine = connect(self._settings.worker_url)
        until(
            lambda: all(row.light == "ok" for row in health.check(self._settings, engine)),
            deadline_s,
            "every part well again",
            0.2,
        )
        engine.dispose()
        until(lambda: self._reconciled().complete, deadline_s, "all sources agree", 0.3)
        return self._reconciled()

    def lost(self) -> set[str]:
        """Acknowledged to the client and not in the database."""
        with self._application.reading() as connection:
            return self.acknowledged - queries.outbox_ids(connection, self.correlation_id)

    def _reconciled(self) -> Reconciliation:
        try:
            return reconcile(self._application, self._settings, self.correlation_id)
        except DatabaseUnavailable:
            return Reconciliation(0, 0, 0, 0, 0, 0, 0, ("?",), (), (), (), (), ())

    def _run(self) -> None:
        while not self._stop.wait(APART_S):
            try:
                command = CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "120.50", "USD", self.correlation_id)
                result = self._application.send(command)
                self.acknowledged.update(result.event_ids)
                approved = self._application.send(ApproveCommission(result.commission_id, self.correlation_id))
                self.acknowledged.update(approved.event_ids)
            except DatabaseUnavailable:
                self.failed += 1
