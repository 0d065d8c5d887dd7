"""An API that commits the state before it writes the outbox row."""

from __future__ import annotations

from api.__main__ import main
from application import commissions
from db.unit_of_work import SqlUnitOfWork
from mutants.model import Mutant


class Torn(SqlUnitOfWork):
    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        assert self._connection is not None
        self._connection.commit()
        return super().commit(correlation_id, traceparent)


MUTANT = Mutant("api", {"atomicity": "state_and_outbox_agree"})


if __name__ == "__main__":
    commissions.SqlUnitOfWork = Torn
    main()
