"""A notifications worker that publishes some dead letters and stores no row of them."""

from __future__ import annotations

from connectors.broker import Received
from connectors.envelope import NamedEvent
from mutants.model import Mutant
from workers import notifications
from workers.inbox import Inbox, Recorded
from workers.process import run

KEPT_OUT = "another_table"


class Rowless(Inbox):
    def record_dead_letter(
        self, message: Received, record: NamedEvent | None, reason: str, detail: str, attempts: int
    ) -> Recorded:
        if reason == KEPT_OUT:
            return Recorded(10**9, published=False)
        return super().record_dead_letter(message, record, reason, detail, attempts)


MUTANT = Mutant("notifications", {"poison-message": "dead_letters_in_topic_and_table"})


if __name__ == "__main__":
    notifications.Inbox = Rowless
    run("notifications", notifications.main)
