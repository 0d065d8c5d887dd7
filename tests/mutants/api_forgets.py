"""An API whose approvals are not idempotent: each writes an event."""

from __future__ import annotations

from datetime import datetime

from api.__main__ import main
from domain.commission import Commission, Status

_approve = Commission.approve


def approve(self: Commission, now: datetime) -> bool:
    self.status = Status.CALCULATED
    return _approve(self, now)


if __name__ == "__main__":
    Commission.approve = approve
    main()
