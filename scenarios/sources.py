"""Read the system for a run: its events in each source, the state of its components, and the readers of the binlog."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from application import Application
from application.components import find_component, worker_names
from connectors.broker import Broker
from db import binlog, lookups, notification_queries, queries, run_rows
from db.dead_letter_queries import DeadLetterRow
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from domain.message import Message
from scenarios.history import History, reading
from scenarios.history.deleted import find_deleted
from scenarios.history.operations import OperationLog
from settings import Settings
from stacks import health
from stacks.controls import control
from stacks.part_health import Light
from workers.heartbeat import read_heartbeat
from workers.observer_store import ObserverStore

T = TypeVar("T")

SLOWEST_REPLAY_PER_S = 200
"""Slowest assumed rate at which all events are delivered again; such deadlines grow with the size of the outbox."""


def holds_for_all(items: Collection[T], holds: Callable[[T], bool]) -> bool:
    """Return whether there are items and the condition holds for each. No items prove nothing, so they give False."""
    return bool(items) and all(holds(item) for item in items)


class Sources:
    """The sources of one run. Reads raise DatabaseUnavailable, or sqlite3.OperationalError while there is no observer."""

    def __init__(self, settings: Settings, run_id: str, application: Application) -> None:
        self.settings = settings
        self.run_id = run_id
        """The correlation id of all commands of this run."""
        self.application = application
        self.operations = OperationLog()
        """The commands of this run and how each was answered."""
        self.deletes_rows = False
        """Whether this run deletes outbox rows. In all other runs a missing row refutes the hypothesis."""
        self.rolled_back: set[str] = set()
        """Events that this run rolled back, and that the database's log shows all the same."""
        self._beginning = reading.read_beginning(application, settings)

    @property
    def capture_part(self) -> str:
        """Name of the component that captures on this stack."""
        return self.settings.facts.capture.component

    @property
    def worker(self) -> str:
        """Name of the first notifications worker."""
        return worker_names(self.settings)[0]

    def outbox_size(self) -> int:
        """Return an upper bound of the number of outbox rows, of all runs and users: the highest `seq`."""
        with self.application.reading() as connection:
            return queries.outbox_head(connection)

    def committed(self) -> set[str]:
        with self.application.reading() as connection:
            return queries.outbox_ids(connection, self.run_id)

    def notified(self) -> set[str]:
        with self.application.reading() as connection:
            return notification_queries.notification_ids(connection, self.run_id)

    def published(self) -> dict[str, int]:
        """Return event id → number of messages that carried it, as the observer counted them."""
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.count_messages_by_event(self.run_id)
        finally:
            store.close()

    def first_committed(self) -> str:
        """Return the id of the outbox's first event, of any run or user. Raises LookupError for an empty outbox."""
        with self.application.reading() as connection:
            event_id = lookups.first_event(connection)
        if event_id is None:
            raise LookupError("the outbox is empty")
        return event_id

    def times_published(self, event_id: str) -> int:
        """Return the number of messages that carried an event, as the observer counted them."""
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.count_messages_of(event_id)
        finally:
            store.close()

    def dead_letters(self) -> list[DeadLetterRow]:
        """Return the run's dead letters, newest first, requeued ones included: those that contain its id."""
        with self.application.reading() as connection:
            return run_rows.read_dead_letters(connection, self.run_id, self._beginning.dead_letter)[::-1]

    def history(self, *, expects_dead_letters: bool = False) -> History:
        """Return everything that is known of this run now."""
        operations = self.operations.list_recorded()
        history = reading.read_history(
            self.application, self.settings, self.run_id, self._beginning, operations, expects_dead_letters
        )
        deleted = find_deleted(history) if self.deletes_rows else ()
        return replace(history, deleted=deleted, rolled_back=frozenset(self.rolled_back))

    def deliveries(self) -> queries.Deliveries:
        with self.application.reading() as connection:
            return queries.count_deliveries(connection, self.run_id)

    def activity(self) -> object:
        """Return a value that changes whenever anything is written to the database or observed on a topic, by any run."""
        store = ObserverStore(self.settings.observer_store)
        try:
            observed = store.read_totals()
        finally:
            store.close()
        with self.application.reading() as connection:
            return lookups.read_heads(connection), observed

    def database_answers(self) -> bool:
        try:
            self.committed()
        except DatabaseUnavailable:
            return False
        return True

    def broker_answers(self) -> bool:
        return Broker(self.settings).reachable()

    def down_components(self) -> tuple[Message, ...]:
        """Return the components that are down now, with the detail of their health."""
        return self._describe_components("down")

    def ailing_components(self) -> tuple[Message, ...]:
        """Return the components that are down or behind now, with the detail of their health."""
        return self._describe_components("down", "behind")

    def _describe_components(self, *lights: Light) -> tuple[Message, ...]:
        states = health.check(self.settings, self.application.engine)
        chosen = [state for state in states if state.light in lights]
        return tuple(Message("waiting.down_component", part=state.part, health=state.message) for state in chosen)

    def full_replay_deadline_s(self) -> float:
        """Return the time, in seconds, in which everything in the outbox must be published and delivered once more."""
        row_count = 0
        with suppress(DatabaseUnavailable):
            row_count = self.outbox_size()
        return 60 + row_count / SLOWEST_REPLAY_PER_S

    def replacement_check(self, part: str) -> Callable[[], bool]:
        """Return a function that says whether a component was replaced since now: by another process, or binlog reader.

        The source has no process of its own. The database knows each reader of its binlog by the id of its connection.
        """
        if find_component(part).is_connector:
            readers_before = self._binlog_readers()
            return lambda: bool(self._binlog_readers() - readers_before)
        components = control(self.settings)
        pid = components.pid(part)
        return lambda: components.pid(part) not in (0, pid)

    def connection_check(self, part: str) -> Callable[[], bool]:
        """Return a function that says whether a worker has been connected since now: then the broker has shared the keys out.

        Before, an event may go to another worker than the one before it of its commission.
        """
        began_at = time.monotonic()

        def has_connected() -> bool:
            beat = read_heartbeat(self.settings, part)
            return beat is not None and beat.connected and beat.age_s < time.monotonic() - began_at

        return has_connected

    def is_captured(self) -> bool:
        """Return whether something reads the binlog now."""
        return bool(self._binlog_readers())

    def _binlog_readers(self) -> set[int]:
        engine = connect(self.settings.admin_url, pool_size=1)
        try:
            with translated(), engine.connect().execution_options(**READ) as connection:
                return binlog.reader_ids(connection)
        finally:
            engine.dispose()
