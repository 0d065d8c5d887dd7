"""A relay that publishes, in place of some events, events that nobody committed."""

from __future__ import annotations

import uuid
from dataclasses import replace

from db.outbox import OutboxFeed
from domain.outbox import OutboxRecord, UnreadableRow
from mutants.model import Mutant
from workers import relay
from workers.process import run

EVERY = 2


class Inventive(OutboxFeed):
    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        return [
            replace(record, id=str(uuid.uuid4()))
            if isinstance(record, OutboxRecord) and record.seq % EVERY == 0
            else record
            for record in super().after(seq, limit)
        ]


MUTANT = Mutant("relay", {"duplicate-command": "nothing_uncommitted"})


if __name__ == "__main__":
    relay.OutboxFeed = Inventive
    run("relay", relay.main)
