"""An audit process that writes the lines of a page twice, as after a retry that forgot what it had done."""

from __future__ import annotations

from db.notification_queries import NotificationRow
from mutants.model import Mutant
from workers import audit, audit_file
from workers.process import run

_line = audit_file.line


def line(row: NotificationRow) -> bytes:
    return _line(row) * 2


MUTANT = Mutant("audit", {"duplicate-command": "audit_equals_notifications"})


if __name__ == "__main__":
    audit_file.line = line
    run("audit", audit.main)
