"""Change one thing of a history."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from domain.contents import Contents
from scenarios.audit_lines import AuditLine
from scenarios.history.records import History, Notification


def neighbours(history: History) -> list[tuple[Notification, Notification]]:
    """Return the pairs of a commission's notifications of which neither was dead-lettered."""
    by_id = {each.event_id: each for each in history.notifications if each.event_id not in history.dead_letters_of}
    return [
        (first, by_id[later])
        for event_id, first in by_id.items()
        if event_id.endswith("-1") and (later := f"{event_id[:-1]}2") in by_id
    ]


def change_amount(contents: Contents) -> Contents:
    payload = {**json.loads(contents.payload), "amount": "0.00"}
    return replace(contents, payload=json.dumps(payload, sort_keys=True, separators=(",", ":")))


def replacing(history: History, name: str, old: object, new: object) -> History:
    records = list(getattr(history, name))
    records[records.index(old)] = new
    changes: dict[str, Any] = {name: tuple(records)}
    return replace(history, **changes)


def without(history: History, name: str, record: object) -> History:
    changes: dict[str, Any] = {name: tuple(each for each in getattr(history, name) if each is not record)}
    return replace(history, **changes)


def without_event(history: History, event_id: str, *names: str) -> History:
    kept: dict[str, Any] = {
        name: tuple(each for each in getattr(history, name) if id_of(each) != event_id) for name in names
    }
    return replace(history, **kept)


def id_of(record: Any) -> object:
    return record.contents.event_id if isinstance(record, AuditLine) else record.event_id
