"""Explain differences between the sources field by field. For that, the few events that differ are read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from application import Application
from connectors import envelope
from connectors.envelope import Inserted
from db import contents as stored
from domain import contents
from scenarios import audit_lines
from scenarios.audit_lines import AuditLine
from settings import Settings
from workers.observer_store import ObserverStore

Fields = Mapping[str, str]
"""Field → its value as text."""


@dataclass(frozen=True, slots=True)
class Difference:
    event_id: str
    source: str
    """Where the difference was seen: published, notified or audited."""
    field: str
    expected: str
    """The value in the source before it on the path; `-` when the field is missing there."""
    seen: str
    """The value in `source`; `-` when the field is missing there."""

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}: {self.field} is {self.seen}, expected {self.expected}"


def explain_differences(
    application: Application, settings: Settings, event_ids: Sequence[str]
) -> tuple[Difference, ...]:
    """Return the differences of these events.

    Raises DatabaseUnavailable, or sqlite3.OperationalError while there is no observer's store.
    """
    if not event_ids:
        return ()  # the audit file would be read for nothing
    with application.reading() as connection:
        rows = {row.contents.event_id: row for row in stored.read_committed(connection, event_ids=event_ids)}
        notifications = {row.contents.event_id: row for row in stored.read_notified(connection, event_ids=event_ids)}
    messages = _read_messages(settings, event_ids)
    lines = _read_audit_lines(settings, set(event_ids))
    differences: list[Difference] = []
    for event_id in event_ids:
        row, notification, line = rows.get(event_id), notifications.get(event_id), lines.get(event_id)
        message_fields = messages.get(event_id, [])
        original: Fields | None = None
        if row is not None:
            original = contents.fields_of(row.contents) | {"version": str(row.version)}
        elif message_fields:
            original = message_fields[0]
        for message in message_fields:
            differences += _compare_fields(event_id, "published", original, message)
        if notification is not None:
            # A notification does not hold the version.
            expected = original and {name: text for name, text in original.items() if name != "version"}
            differences += _compare_fields(event_id, "notified", expected, contents.fields_of(notification.contents))
            if line is not None:
                differences += _compare_fields(
                    event_id, "audited", _fields_of_line(notification), _fields_of_line(line)
                )
    return tuple(dict.fromkeys(differences))


def _read_messages(settings: Settings, event_ids: Sequence[str]) -> dict[str, list[Fields]]:
    """Return event id → the fields of each of its messages that the store still has: it keeps only the newest."""
    topics = settings.topics.carrying_events()
    fields_by_event: dict[str, list[Fields]] = {}
    store = ObserverStore(settings.observer_store)
    try:
        for event_id in event_ids:
            for message in store.read_messages_of(event_id):
                decoded = envelope.decode(message.value)
                if message.topic in topics and isinstance(decoded, Inserted):
                    fields = contents.fields_of(contents.of_record(decoded.record)) | {
                        "version": str(decoded.record.version)
                    }
                    fields_by_event.setdefault(event_id, []).append(fields)
    finally:
        store.close()
    return fields_by_event


def _read_audit_lines(settings: Settings, event_ids: set[str]) -> dict[str, AuditLine]:
    return {
        line.contents.event_id: line
        for line in audit_lines.read(settings.audit_file)
        if isinstance(line, AuditLine) and line.contents.event_id in event_ids
    }


def _compare_fields(event_id: str, source: str, expected: Fields | None, actual: Fields) -> Iterator[Difference]:
    if expected is None:
        return
    for name in sorted(expected.keys() | actual.keys()):
        expected_text, actual_text = expected.get(name, "-"), actual.get(name, "-")
        if expected_text != actual_text:
            yield Difference(event_id, source, name, expected_text, actual_text)


def _fields_of_line(notification: stored.NotifiedContents | AuditLine) -> dict[str, str]:
    return contents.fields_of(notification.contents) | {
        "seq": str(notification.seq),
        "consumer": notification.consumer,
        "notified_at": notification.notified_at,
    }
