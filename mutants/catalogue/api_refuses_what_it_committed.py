"""An API that refuses commands after it has committed them."""

from __future__ import annotations

from api.__main__ import main
from application import commissions
from db.unit_of_work import SqlUnitOfWork
from domain.errors import ConcurrentChange
from mutants.model import Mutant


class TwoFaced(SqlUnitOfWork):
    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        event_ids = super().commit(correlation_id, traceparent)
        raise ConcurrentChange(event_ids[0] if event_ids else "")


MUTANT = Mutant("api", {"duplicate-command": "refused_leaves_nothing"})


if __name__ == "__main__":
    commissions.SqlUnitOfWork = TwoFaced
    main()
