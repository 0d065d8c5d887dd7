"""The scenarios' load, and what every source says of it once everything settled."""

from __future__ import annotations

import uuid

from application import Application
from db import queries
from db.engine import connect
from db.errors import DatabaseUnavailable
from scenarios import load
from scenarios.reconciliation import Reconciliation, reconcile
from scenarios.waiting import until
from settings import Settings
from stacks import health

PER_SECOND = 40


class Load:
    """Calculates and approves until `finish()`, which waits until everything settled and compares the sources."""

    def __init__(self, settings: Settings) -> None:
        self.correlation_id = str(uuid.uuid4())
        self._settings = settings
        self._application = Application(settings, pool_size=2)
        self._load = load.Load(self._application, load.CommandStream(1, self.correlation_id), PER_SECOND)

    def __enter__(self) -> Load:
        self._load.start()
        self._load.wait_for_more(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._load.stop()
        self._application.close()

    @property
    def failed(self) -> int:
        return self._load.unacknowledged

    def wait_for_more(self, by: int) -> None:
        """Until so many more commands were acknowledged."""
        self._load.wait_for_more(by, 60)

    def finish(self, deadline_s: float = 60) -> Reconciliation:
        self._load.stop()
        engine = connect(self._settings.worker_url)
        until(
            lambda: all(row.works for row in health.check(self._settings, engine)),
            deadline_s,
            "every component healthy again",
            0.2,
        )
        engine.dispose()
        until(self._complete, deadline_s, "all sources agree", 0.3)
        return reconcile(self._application, self._settings, self.correlation_id)

    def lost(self) -> set[str]:
        """Acknowledged to the client and not in the database."""
        with self._application.reading() as connection:
            return self._load.event_ids - queries.outbox_ids(connection, self.correlation_id)

    def _complete(self) -> bool:
        try:
            return reconcile(self._application, self._settings, self.correlation_id).complete
        except DatabaseUnavailable:
            return False
