"""A relay that leaves some events out."""

from __future__ import annotations

from db.outbox import OutboxFeed
from domain.outbox import OutboxRecord, UnreadableRow
from mutants.model import Mutant
from workers import relay
from workers.process import run

EVERY = 9


class Leaky(OutboxFeed):
    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        return [record for record in super().after(seq, limit) if record.seq % EVERY]


MUTANT = Mutant(
    "relay",
    {
        "eventual-consistency": "published_what_was_committed",
        "backpressure": "published_what_was_committed",
        "dual-write": "published_what_was_committed",
    },
)


if __name__ == "__main__":
    relay.OutboxFeed = Leaky
    run("relay", relay.main)
