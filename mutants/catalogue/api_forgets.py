"""An API whose approvals are not idempotent: each writes an event."""

from __future__ import annotations

from datetime import datetime

from api.__main__ import main
from domain.changes import approve as approve_module
from domain.changes.calculate import CommissionCalculated
from domain.commission import Commission
from mutants.model import Mutant

_approve = approve_module.approve


def approve(commission: Commission, now: datetime) -> bool:
    commission.status = CommissionCalculated.status
    return _approve(commission, now)


MUTANT = Mutant("api", {"duplicate-command": "command_once"})


if __name__ == "__main__":
    approve_module.approve = approve
    main()
