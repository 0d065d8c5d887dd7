"""A notifications worker that acknowledges what it cannot process and keeps no dead letter of it."""

from __future__ import annotations

from connectors.broker import Received
from connectors.envelope import NamedEvent
from mutants.model import Mutant
from workers import notifications
from workers.outcome import DeadLetter
from workers.process import run


class Swallowing(notifications.NotificationsWorker):
    def _dead_letter_message(
        self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int
    ) -> None:
        self._inlet.acknowledge([message])


MUTANT = Mutant("notifications", {"poison-message": "nothing_lost"})


if __name__ == "__main__":
    notifications.NotificationsWorker = Swallowing
    run("notifications", notifications.main)
