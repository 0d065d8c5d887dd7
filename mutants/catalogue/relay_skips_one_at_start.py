"""A relay that begins one row behind its checkpoint, and so skips one at each start."""

from __future__ import annotations

from db.outbox import OutboxFeed
from mutants.model import Mutant
from workers import relay
from workers.process import run


class Skipping(OutboxFeed):
    def load_checkpoint(self) -> int:
        reached = super().load_checkpoint()
        return reached + 1 if reached else 0


MUTANT = Mutant("relay", {"restart-source": "published_what_was_committed"})


if __name__ == "__main__":
    relay.OutboxFeed = Skipping
    run("relay", relay.main)
