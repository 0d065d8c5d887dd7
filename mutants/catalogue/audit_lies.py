"""An audit process whose lines hold other contents than the notifications, and lines of events that never existed."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from db.notification_queries import NotificationRow
from mutants.model import Mutant
from workers import audit, audit_file
from workers.process import run

_line, _append = audit_file.line, audit_file.append


def lie(row: NotificationRow) -> bytes:
    return _line(dataclasses.replace(row, payload={"amount": "0.00"}, consumer="nobody"))


def phantom(path: Path, rows: Iterable[NotificationRow], half_way: Callable[[], None] = lambda: None) -> int:
    true_rows = list(rows)
    ghosts = [dataclasses.replace(row, seq=row.seq + 10**9, event_id=str(uuid.uuid4())) for row in true_rows[:1]]
    return _append(path, [*true_rows, *ghosts], half_way)


MUTANT = Mutant("audit", {"duplicate-command": "audit_equals_notifications"})


if __name__ == "__main__":
    audit_file.line, audit_file.append = lie, phantom
    run("audit", audit.main)
