"""A notifications worker that commits its notifications before it writes their inbox rows."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.broker import Received
from mutants.model import Mutant
from workers import notifications
from workers.inbox import _NOTIFY, Effect, Inbox
from workers.process import run


class Torn(Inbox):
    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        with self._transaction() as connection:
            new = self._select_unknown(connection, self._first_of_each(effects)) if effects else {}
            if new:
                _NOTIFY.execute_all(connection, self._notifications(new))
        with self._transaction() as connection:
            self._record(connection, effects, new, skipped)
        return set(new)


MUTANT = Mutant("notifications", {"restart-source": "check.never_torn"})


if __name__ == "__main__":
    notifications.Inbox = Torn
    run("notifications", notifications.main)
