"""An API that answers first and commits a moment later."""

from __future__ import annotations

import threading
from types import TracebackType

from api.__main__ import main
from application import commissions
from db.unit_of_work import SqlUnitOfWork
from mutants.model import Mutant

LATER_S = 0.05


class Hurried(SqlUnitOfWork):
    """Names the ids of its events at once, and leaves the transaction to a thread."""

    _is_left_to_thread = False

    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        ids = [self._new_id() for commission in self.commissions.changed for _ in commission.events]
        remaining = iter(ids)
        self._new_id = lambda: next(remaining)
        self._is_left_to_thread = True

        def commit_later() -> None:
            super(Hurried, self).commit(correlation_id, traceparent)
            self._close()

        threading.Timer(LATER_S, commit_later).start()
        return tuple(ids)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_left_to_thread:
            super().__exit__(kind, error, trace)


MUTANT = Mutant("api", {"atomicity": "acknowledged_is_committed"})


if __name__ == "__main__":
    commissions.SqlUnitOfWork = Hurried
    main()
