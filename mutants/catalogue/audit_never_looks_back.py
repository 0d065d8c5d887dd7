"""An audit process that appends what is new and never compares its file with the notifications."""

from __future__ import annotations

from mutants.model import Mutant
from workers import audit
from workers.audit_projection import AuditProjection
from workers.process import run


class Blind(AuditProjection):
    def _as_left(self) -> bool:
        if not self.path.exists():
            self.path.touch()
        self._length = self.path.stat().st_size
        return True


MUTANT = Mutant("audit", {"audit": "audit_equals_notifications"})


if __name__ == "__main__":
    audit.AuditProjection = Blind
    run("audit", audit.main)
