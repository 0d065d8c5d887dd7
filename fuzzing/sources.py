"""Read new entries of the sources into a ledger: from the database's tables, the observer's store, the audit file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text

from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from fuzzing.ledger import Ledger, contents, parse
from settings import Settings
from workers.observer_store import ObserverStore

PAGE = 2000
OVERLAP = 300
"""MySQL assigns a number at the insert and shows the row at the commit, so this many numbers are read again."""


class Sources:
    """The sources from now on: entries that exist when the object is created are ignored."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._engine = connect(settings.worker_url, pool_size=1)
        self._sqlite = self._engine.dialect.name == "sqlite"
        self._tables: tuple[tuple[str, str, Callable[[Any], None]], ...] = (
            ("outbox_event", self._outbox_columns(), self._record_committed),
            ("processed_message", "seq, topic, message_id, outcome, event_id", self._record_processed),
            ("dead_letter", "seq, topic, message_id, event_id, reason, detail", self._record_dead_letter),
            (
                "notification",
                "seq, event_id, commission_id, aggregate_version, type, payload, correlation_id",
                self._record_notified,
            ),
        )
        self._positions = {name: self._head(name) for name, *_ in self._tables}
        self._observer_position = self._read_observer_head()
        self._audit_inode, self._audit_offset = self._audit_end()

    def close(self) -> None:
        self._engine.dispose()

    def read(self) -> bool:
        """Update the ledger. Return False when the database does not answer now."""
        try:
            for name, columns, record in self._tables:
                self._read_table(name, columns, record)
        except DatabaseUnavailable:
            return False
        self._read_observer()
        self._read_audit_file()
        return True

    def _outbox_columns(self) -> str:
        # Columns are read as bytes: a text of SQLite may be invalid UTF-8, and its driver would raise.
        kind = "BLOB" if self._sqlite else "BINARY"
        names = ("id", "aggregate_id", "aggregate_version", "type", "payload", "correlation_id")
        return "seq, " + ", ".join(f"CAST({name} AS {kind}) AS {name}" for name in names)

    def _connection(self) -> Connection:
        return self._engine.connect().execution_options(**READ)

    def _head(self, table: str) -> int:
        with translated(), self._connection() as connection:
            return int(connection.scalar(text(f"SELECT MAX(seq) FROM {table}")) or 0)

    def _read_table(self, table: str, columns: str, record: Callable[[Any], None]) -> None:
        after = max(0, self._positions[table] - (0 if self._sqlite else OVERLAP))
        query = text(f"SELECT {columns} FROM {table} WHERE seq > :after ORDER BY seq LIMIT {PAGE}")
        while True:
            with translated(), self._connection() as connection:
                rows = connection.execute(query, {"after": after}).all()
            for row in rows:
                record(row)
                after = row.seq
            self._positions[table] = max(self._positions[table], after)
            if len(rows) < PAGE:
                return

    def _record_committed(self, row: Any) -> None:
        event_id, commission_id, version = _text(row.id), _text(row.aggregate_id), _text(row.aggregate_version)
        self._ledger.rows[row.seq] = event_id
        trace = self._ledger.event(event_id)
        if trace.committed is not None:
            return
        payload = _text(row.payload)
        trace.committed = contents(_text(row.type), commission_id, version, _text(row.correlation_id), payload)
        trace.version = (commission_id, version)
        self._ledger.versions[trace.version] = event_id
        conversion_id = _read_member(payload, "conversionId")
        if version == "1" and conversion_id is not None:
            trace.conversion_id = conversion_id
            self._ledger.first_events[conversion_id] = event_id

    def _record_processed(self, row: Any) -> None:
        trace = self._ledger.message(row.topic, row.message_id)
        if trace.outcome is None:  # a later delivery of the same message is a duplicate of the first
            trace.outcome, trace.event_id = row.outcome, row.event_id

    def _record_dead_letter(self, row: Any) -> None:
        trace = self._ledger.message(row.topic, row.message_id)
        trace.dead_reason, trace.dead_detail = row.reason, row.detail
        if row.event_id is not None:
            self._ledger.event(_text(row.event_id)).dead_reason = row.reason

    def _record_notified(self, row: Any) -> None:
        trace = self._ledger.event(row.event_id)
        if trace.notified is None:
            version = row.aggregate_version
            trace.notified = contents(row.type, row.commission_id, version, row.correlation_id, row.payload)

    def _read_observer_head(self) -> int:
        store = ObserverStore(self._settings.observer_store)
        try:
            return store.read_last_n()
        finally:
            store.close()

    def _read_observer(self) -> None:
        topics = self._settings.topics
        events = topics.carrying_events()
        try:
            store = ObserverStore(self._settings.observer_store)
        except sqlite3.OperationalError:
            return
        try:
            while rows := store.read_headers_after(self._observer_position, PAGE):
                for row in rows:
                    self._observer_position = row.n
                    self._ledger.message(row.topic, row.message_id).observed = True
                    if row.topic in events and row.event_id is not None:
                        self._ledger.event(row.event_id).published = True
                    elif row.topic == topics.dead_letter:
                        self._record_published_dead_letter(row.properties)
        except sqlite3.OperationalError:
            return  # another process is writing; the next call reads it
        finally:
            store.close()

    def _record_published_dead_letter(self, properties: dict[str, str]) -> None:
        where = properties.get("alpes-topic", ""), properties.get("alpes-message-id", "")
        self._ledger.message(*where).on_dead_letter_topic = True

    def _audit_end(self) -> tuple[int, int]:
        try:
            status = self._settings.audit_file.stat()
        except FileNotFoundError:
            return -1, 0
        return status.st_ino, status.st_size

    def _read_audit_file(self) -> None:
        inode, size = self._audit_end()
        if inode != self._audit_inode or size < self._audit_offset:
            self._audit_inode, self._audit_offset = inode, 0  # the file was rewritten
        if size == self._audit_offset:
            return
        with self._settings.audit_file.open("rb") as file:
            file.seek(self._audit_offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._audit_offset += len(line)
                self._record_audited(line)

    def _record_audited(self, line: bytes) -> None:
        try:
            entry = parse(line)
            fields = (entry["type"], entry["commissionId"], entry["aggregateVersion"], entry["correlationId"])
            trace = self._ledger.event(entry["eventId"])
            if trace.audited is None:
                trace.audited = contents(*fields, entry["payload"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return  # not an audit line: its event then counts as missing


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _read_member(payload: str, name: str) -> str | None:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None
