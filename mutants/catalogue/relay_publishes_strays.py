"""A relay that publishes, beside every tenth event, one that nobody committed, under a correlation id of its own."""

from __future__ import annotations

import uuid
from dataclasses import replace

from db.outbox import OutboxFeed
from domain.outbox import OutboxRecord, UnreadableRow
from mutants.model import Mutant
from workers import relay
from workers.process import run

EVERY = 10


class Stray(OutboxFeed):
    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        rows: list[OutboxRecord | UnreadableRow] = []
        for row in super().after(seq, limit):
            if isinstance(row, OutboxRecord) and row.seq % EVERY == 0:
                rows.append(
                    replace(row, id=str(uuid.uuid4()), aggregate_id=str(uuid.uuid4()), correlation_id=str(uuid.uuid4()))
                )
            rows.append(row)
        return rows


MUTANT = Mutant("relay", {"duplicate-command": "nothing_uncommitted"})


if __name__ == "__main__":
    relay.OutboxFeed = Stray
    run("relay", relay.main)
