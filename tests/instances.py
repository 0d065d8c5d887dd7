"""A database, an observer's store and an audit file without processes, for tests that read what a run left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from application import Application
from connectors.broker import Received
from db import notification_queries
from db.engine import READ, connect
from db.hops import HopRecorder, Timing
from db.migrate import upgrade
from db.outbox import OutboxFeed
from domain.commands import Command, CommissionResult
from domain.outbox import OutboxRecord
from scenarios.history import History, reading
from scenarios.history.operations import OperationLog
from scenarios.history.reading import Beginning
from scenarios.routes import InProcess
from settings import Settings
from tests.builders import delivery
from workers import audit_file
from workers.inbox import Effect, Inbox
from workers.observer import build_observed
from workers.observer_store import ObserverStore


class Instance:
    """A database, an observer's store and an audit file; `pass_on` does what capture and workers would do."""

    def __init__(self, home: Path, database_url: str | None = None, *, migrated: bool = False) -> None:
        """Create it; with `database_url` on a database that is there already and has the newest schema.

        `migrated`: so has the database in its home.
        """
        url = database_url or f"sqlite:///{home / 'data' / 'alpes.db'}"
        self.settings = Settings(home=home, database_url=url, stack="external" if database_url else "embedded")
        self.settings.data.mkdir(exist_ok=True)
        self.engine: Engine = connect(self.settings.database_url)
        if database_url is None and not migrated:
            upgrade(self.engine)
        self.store = ObserverStore(self.settings.observer_store, write=True)
        self.application = Application(self.settings, pool_size=2)
        self.logs: dict[str, OperationLog] = {}

    def close(self) -> None:
        self.application.close()
        self.store.close()
        self.engine.dispose()

    def send(self, run_id: str, command: Command) -> CommissionResult:
        with self.logs.setdefault(run_id, OperationLog()).invoked(InProcess.name, command) as answer:
            result = self.application.send(replace(command, correlation_id=run_id))
            answer.acknowledge(result.event_ids)
        return result

    def pass_on(self, feed_type: type[OutboxFeed] = OutboxFeed, inbox_type: type[Inbox] = Inbox) -> None:
        """Publish, observe, notify and audit every event that the relay's feed reads (SQLite only)."""
        feed = feed_type(self.engine)
        rows = [row for row in feed.after(0, 1000) if isinstance(row, OutboxRecord)]
        feed.close()
        self.pass_rows(rows, inbox_type)

    def pass_rows(self, rows: list[OutboxRecord], inbox_type: type[Inbox] = Inbox, numbers_from: int = 0) -> None:
        """Publish, observe, notify and audit these events; the last one is delivered twice.

        With another `numbers_from`, the messages are others than those of the first time.
        """
        inbox = inbox_type(self.engine, "notifications")
        messages = [delivery(row, row.seq + numbers_from, self.settings.topics.events) for row in rows]
        self.observe(messages)
        effects = [Effect(message, row, 0) for message, row in zip(messages, rows, strict=True)]
        timed = set()
        timings: list[Timing] = []
        for effect in (*effects, effects[-1]):
            if inbox.apply([effect], []) and effect.record.id not in timed:
                timed.add(effect.record.id)
                timings.append(Timing(effect.record.id, persisted_us=effect.record.seq))
        inbox.close()
        recorder = HopRecorder(self.engine)
        recorder.add(timings)
        recorder.close()
        with self.engine.connect().execution_options(**READ) as connection:
            notifications = notification_queries.notifications_after(connection, 0)
        self.settings.audit_file.touch()
        audit_file.append(self.settings.audit_file, notifications)

    def observe(self, messages: list[Received]) -> None:
        topics = self.settings.topics
        self.store.record([build_observed(message, topics) for message in messages], topics.carrying_events())

    def insert(self, table: Any, values: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table).values(**values))

    def history(self, run_id: str, beginning: Beginning | None = None) -> History:
        operations = self.logs.get(run_id, OperationLog()).list_recorded()
        from_the_start = beginning or Beginning(0, 0)
        return reading.read_history(self.application, self.settings, run_id, from_the_start, operations)
