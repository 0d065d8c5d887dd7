"""What two sources say differently of an event, field by field: for the few events that differ, read once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from application import Application
from connectors import envelope
from connectors.envelope import Inserted
from db import contents as stored
from domain import contents
from domain.contents import Contents
from scenarios import audit_lines
from scenarios.audit_lines import AuditLine
from settings import Settings
from workers.observer_store import ObserverStore

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    event_id: str
    source: str
    """Where it was seen: published, notified or audited."""
    field: str
    expected: str
    """What the source before it says; `-` where that lacks the field."""
    seen: str

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}: {self.field} is {self.seen}, expected {self.expected}"


def explain(application: Application, settings: Settings, event_ids: Sequence[str]) -> tuple[Difference, ...]:
    """Raises DatabaseUnavailable, or sqlite3.OperationalError while there is no observer."""
    with application.reading() as connection:
        rows = {row.contents.event_id: row for row in stored.committed(connection, event_ids=event_ids)}
        notifications = {row.contents.event_id: row for row in stored.notified(connection, event_ids=event_ids)}
    messages = _messages(settings, event_ids)
    lines = _lines(settings, set(event_ids))
    found: list[Difference] = []
    for event_id in event_ids:
        row, notification, line = rows.get(event_id), notifications.get(event_id), lines.get(event_id)
        carried = messages.get(event_id, [])
        first = _of(row.contents) | {"version": str(row.version)} if row else carried[0] if carried else None
        for message in carried:
            found += _between(event_id, "published", first, message)
        if notification is not None:
            expected = None if first is None else {name: text for name, text in first.items() if name != "version"}
            found += _between(event_id, "notified", expected, _of(notification.contents))
            if line is not None:
                found += _between(event_id, "audited", _line(notification), _line(line))
    return tuple(dict.fromkeys(found))


def _messages(settings: Settings, event_ids: Sequence[str]) -> dict[str, list[Fields]]:
    """As they are kept: the store keeps the newest bodies only."""
    topics = settings.topics.carrying_events()
    found: dict[str, list[Fields]] = {}
    store = ObserverStore(settings.observer_store)
    try:
        for event_id in event_ids:
            for message in store.messages_of(event_id):
                decoded = envelope.decode(message.value)
                if message.topic in topics and isinstance(decoded, Inserted):
                    fields = _of(contents.of_record(decoded.record)) | {"version": str(decoded.record.version)}
                    found.setdefault(event_id, []).append(fields)
    finally:
        store.close()
    return found


def _lines(settings: Settings, event_ids: set[str]) -> dict[str, AuditLine]:
    return {
        line.contents.event_id: line
        for line in audit_lines.read(settings.audit_file)
        if isinstance(line, AuditLine) and line.contents.event_id in event_ids
    }


def _between(event_id: str, source: str, expected: Fields | None, seen: Fields) -> Iterator[Difference]:
    if expected is None:
        return
    for name in sorted(expected.keys() | seen.keys()):
        before, after = expected.get(name, "-"), seen.get(name, "-")
        if before != after:
            yield Difference(event_id, source, name, before, after)


def _of(each: Contents) -> dict[str, str]:
    fields = {
        "commission_id": each.commission_id,
        "aggregate_version": str(each.aggregate_version),
        "type": each.type,
        "correlation_id": each.correlation_id,
        "occurred_at": each.occurred_at,
    }
    members = contents.payload_fields(each.payload)
    return fields | {f"payload.{name}" if name else "payload": text[:200] for name, text in members.items()}


def _line(each: stored.NotifiedContents | AuditLine) -> dict[str, str]:
    return _of(each.contents) | {"seq": str(each.seq), "consumer": each.consumer, "notified_at": each.notified_at}
