"""A notifications worker that writes notifications and leaves their deliveries out of the inbox."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from connectors.broker import Received
from mutants.model import Mutant
from workers import notifications
from workers.inbox import Effect, Inbox
from workers.process import run


class Uncounted(Inbox):
    def _record(
        self, connection: Connection, effects: Sequence[Effect], new: dict[str, Effect], skipped: Sequence[Received]
    ) -> None:
        duplicates = [effect for effect in effects if effect.record.id not in new]
        super()._record(connection, duplicates, {}, skipped)


MUTANT = Mutant(
    "notifications", {"duplicate-command": "notification_and_inbox_agree", "replay": "notification_and_inbox_agree"}
)


if __name__ == "__main__":
    notifications.Inbox = Uncounted
    run("notifications", notifications.main)
