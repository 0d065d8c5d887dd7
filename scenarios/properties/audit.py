"""Judge the audit file: it has the line of every notification, each once, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.contents import fields_of
from domain.message import Message
from scenarios.audit_lines import AuditLine
from scenarios.history.records import History, Notification
from scenarios.properties import observe
from scenarios.properties.violations import (
    CONTENTS_DIFFER,
    DUPLICATED,
    FOREIGN_LINE,
    NEVER_NOTIFIED,
    NOT_AUDITED,
    Violation,
)


def audit_equals_notifications(history: History) -> Iterator[Violation]:
    """The lines of the file are exactly those of the notifications. Its worker repairs it, so nothing here is final."""
    for number in history.foreign_lines:
        yield Violation(FOREIGN_LINE, f"line {number}", (observe.foreign_line(number),), is_final=False)
    for event_id in dict.fromkeys([*history.notifications_of, *history.lines_of]):
        notifications = list(history.notifications_of.get(event_id, ()))
        lines = list(history.lines_of.get(event_id, ()))
        equal: list[AuditLine] = []
        for notification in history.notifications_of.get(event_id, ()):
            match = next((line for line in lines if _is_of(line, notification)), None)
            if match is not None:
                notifications.remove(notification)
                lines.remove(match)
                equal.append(match)
        yield from _unequal(event_id, notifications, lines, equal)


def _unequal(
    event_id: str, notifications: Sequence[Notification], lines: Sequence[AuditLine], equal: Sequence[AuditLine]
) -> Iterator[Violation]:
    """Yield what is left after every notification was paired with its line."""
    for notification, line in zip(notifications, lines, strict=False):
        field, expected, actual = _difference(notification, line)
        detail = f"audited {event_id}: {field} is {actual}, expected {expected}"
        common_field = field if field in fields_of(notification.contents) else None
        proof = (observe.notification(notification, common_field), observe.line(line, field))
        yield Violation(CONTENTS_DIFFER, event_id, proof, detail, is_final=False)
    for notification in notifications[len(lines) :]:
        absence = observe.missing("audit", event_id, Message("seen.no_line"))
        yield Violation(NOT_AUDITED, event_id, (observe.notification(notification), absence), is_final=False)
    for line in lines[len(notifications) :]:
        if line in equal:
            yield Violation(DUPLICATED, event_id, (observe.line(line), observe.line(line)), is_final=False)
        else:
            absence = observe.missing("worker", event_id, Message("seen.no_notification"))
            yield Violation(NEVER_NOTIFIED, event_id, (observe.line(line), absence), is_final=False)


def _is_of(line: AuditLine, notification: Notification) -> bool:
    return (line.contents, line.seq, line.consumer, line.notified_at) == (
        notification.contents,
        notification.seq,
        notification.consumer,
        notification.notified_at,
    )


def _difference(notification: Notification, line: AuditLine) -> tuple[str, str, str]:
    """Return the first field in which a line differs, with both values: a member of the payload before others."""
    expected, actual = _fields(notification), _fields(line)
    names = sorted(expected.keys() | actual.keys(), key=lambda name: (not name.startswith("payload"), name))
    name = next((name for name in names if expected.get(name) != actual.get(name)), "payload")
    return name, expected.get(name, "-"), actual.get(name, "-")


def _fields(record: Notification | AuditLine) -> dict[str, str]:
    own = {"seq": str(record.seq), "consumer": record.consumer, "notified_at": record.notified_at}
    return fields_of(record.contents) | own
