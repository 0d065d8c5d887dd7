"""A notifications worker that counts a redelivery as another effect in its inbox."""

from __future__ import annotations

from connectors.broker import Received
from connectors.envelope import NamedEvent
from mutants.model import Mutant
from workers import notifications
from workers.inbox import Inbox
from workers.process import run


class Boastful(Inbox):
    def _inbox_row(self, message: Received, outcome: str, record: NamedEvent | None) -> dict[str, object]:
        return super()._inbox_row(message, "applied" if outcome == "duplicate" else outcome, record)


MUTANT = Mutant("notifications", {"kill-worker": "notification_and_inbox_agree", "replay": "check.replay_adds_nothing"})


if __name__ == "__main__":
    notifications.Inbox = Boastful
    run("notifications", notifications.main)
