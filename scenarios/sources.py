"""What a run sees of the system: its events in each source, its parts, and who reads the binlog."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TypeVar

from application import Application
from connectors.broker import Broker
from db import binlog, dead_letter_queries, lookups, notification_queries, queries
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from stacks import health
from stacks.controls import control
from stacks.python_parts import worker_names
from workers.observer_store import ObserverStore

T = TypeVar("T")

SLOWEST_PER_S = 200
"""Where everything there is comes again, whoever sent it, deadlines grow with it."""


def every(items: Collection[T], holds: Callable[[T], bool]) -> bool:
    """Whether there are items and it holds for each: of nothing, nothing is shown."""
    return bool(items) and all(holds(item) for item in items)


class Sources:
    """Reads raise DatabaseUnavailable, or sqlite3.OperationalError while there is no observer."""

    def __init__(self, settings: Settings, run_id: str, application: Application) -> None:
        self.settings = settings
        self.run_id = run_id
        """The correlation id of everything this run sends."""
        self.application = application
        with application.reading() as connection:
            self._letters_before = max(
                (row.seq for row in dead_letter_queries.dead_letters(connection, limit=1)), default=0
            )

    @property
    def capture_part(self) -> str:
        """The part that captures on this stack."""
        return "relay" if self.settings.stack == "embedded" else "source"

    @property
    def worker(self) -> str:
        """The first notifications worker."""
        return worker_names(self.settings)[0]

    def outbox_size(self) -> int:
        """Rows of every run and user, at most: the highest `seq`."""
        with self.application.reading() as connection:
            return queries.outbox_head(connection)

    def committed(self) -> set[str]:
        with self.application.reading() as connection:
            return queries.outbox_ids(connection, self.run_id)

    def notified(self) -> set[str]:
        with self.application.reading() as connection:
            return notification_queries.notification_ids(connection, self.run_id)

    def published(self) -> dict[str, int]:
        """Event id → messages that carried it, as the observer saw them."""
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.published_ids(self.run_id)
        finally:
            store.close()

    def first_committed(self) -> str:
        """Id of the outbox's first event, whoever sent it. Raises LookupError for an empty outbox."""
        with self.application.reading() as connection:
            event_id = lookups.first_event(connection)
        if event_id is None:
            raise LookupError("the outbox is empty")
        return event_id

    def times_published(self, event_id: str) -> int:
        """Messages that carried an event, as the observer saw them."""
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.times_published(event_id)
        finally:
            store.close()

    def dead_letters(self) -> list[dead_letter_queries.DeadLetterRow]:
        """The run's own, newest first, requeued ones included: its id stands in them somewhere."""
        marker = self.run_id.encode()
        with self.application.reading() as connection:
            rows = dead_letter_queries.dead_letters(connection, limit=500)
        return [
            row
            for row in rows
            if row.seq > self._letters_before and (row.correlation_id == self.run_id or marker in row.payload)
        ]

    def deliveries(self) -> queries.Deliveries:
        with self.application.reading() as connection:
            return queries.deliveries(connection, self.run_id)

    def activity(self) -> object:
        """Another value whenever anything was written to the database, or seen on a topic, of any run."""
        store = ObserverStore(self.settings.observer_store)
        try:
            seen = store.totals()
        finally:
            store.close()
        with self.application.reading() as connection:
            return lookups.heads(connection), seen

    def broker_answers(self) -> bool:
        return Broker(self.settings).reachable()

    def ill(self) -> list[str]:
        """The parts that are down now, with what is known of them."""
        rows = health.check(self.settings, self.application.engine)
        return [f"{row.part} ({row.detail})" for row in rows if row.light == "down"]

    def everything_again_within_s(self) -> float:
        """How long it may take until everything in the outbox was published and delivered once more."""
        rows = 0
        with suppress(DatabaseUnavailable):
            rows = self.outbox_size()
        return 60 + rows / SLOWEST_PER_S

    def another_instance(self, part: str) -> Callable[[], bool]:
        """Whether another instance of a part runs than the one of now: another process, or of the source another reader.

        The database knows each reader of its binlog by the number of its connection.
        """
        if part == "source":
            reader = self._binlog_readers()
            return lambda: bool(self._binlog_readers() - reader)
        parts = control(self.settings)
        pid = parts.pid(part)
        return lambda: parts.pid(part) not in (0, pid)

    def _binlog_readers(self) -> set[int]:
        engine = connect(self.settings.admin_url, pool_size=1)
        try:
            with translated(), engine.connect().execution_options(**READ) as connection:
                return binlog.readers(connection)
        finally:
            engine.dispose()
