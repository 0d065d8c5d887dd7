"""An audit process that writes no line for some notifications, and takes its file for complete."""

from __future__ import annotations

from collections.abc import Sequence

from db.notification_queries import NotificationRow
from mutants.model import Mutant
from workers import audit, audit_projection
from workers.audit_lines import AuditLines
from workers.process import run

EVERY = 4


class Skipping(AuditLines):
    def build(self, rows: Sequence[NotificationRow]) -> tuple[list[NotificationRow], list[tuple[int, bytes]]]:
        for row in rows:
            if row.seq % EVERY == 0:
                self._leave_out(row.seq, ValueError("not worth a line"))
        return super().build([row for row in rows if row.seq % EVERY])


MUTANT = Mutant("audit", {"duplicate-command": "audit_equals_notifications"})


if __name__ == "__main__":
    audit_projection.AuditLines = Skipping
    run("audit", audit.main)
