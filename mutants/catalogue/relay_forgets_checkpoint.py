"""A relay that does not read its checkpoint: after each start it publishes the whole outbox again."""

from __future__ import annotations

from db.outbox import OutboxFeed
from mutants.model import Mutant
from workers import relay
from workers.process import run


class Forgetful(OutboxFeed):
    def load_checkpoint(self) -> int:
        return 0


MUTANT = Mutant("relay", {"restart-source": "check.nothing_old_again"})


if __name__ == "__main__":
    relay.OutboxFeed = Forgetful
    run("relay", relay.main)
