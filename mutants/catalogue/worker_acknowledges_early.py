"""A notifications worker that acknowledges what it receives before it has written anything."""

from __future__ import annotations

import threading

from connectors.broker import Received, Subscription
from mutants.model import Mutant
from workers import notifications
from workers.process import run

GROUPED_S = 0.25
"""The client sends its acknowledgements in groups, at least every tenth of a second."""


class Hasty(Subscription):
    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        batch = super().receive(limit, timeout_s)
        self.acknowledge(batch)
        if batch:
            threading.Event().wait(GROUPED_S)
        return batch


class Impatient(notifications.NotificationsWorker):
    """It has acknowledged already, so it does not wait for a database that is unavailable."""

    def _write(self, effects, skipped):  # type: ignore[no-untyped-def]
        try:
            self._reached("notifications.committed")  # where it dies, the broker has its acknowledgement already
            return self._inbox.apply(effects, skipped)
        except notifications.DatabaseUnavailable:
            return set()


MUTANT = Mutant(
    "notifications",
    {"kill-worker": "nothing_lost", "replay": "check.replay_absorbs_all"},
)


if __name__ == "__main__":
    notifications.Subscription = Hasty
    notifications.NotificationsWorker = Impatient
    run("notifications", notifications.main)
