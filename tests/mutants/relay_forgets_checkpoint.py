"""A relay that does not read its checkpoint: after each start it publishes the whole outbox again."""

from __future__ import annotations

from db.outbox import OutboxFeed
from workers import relay
from workers.process import run


class Forgetful(OutboxFeed):
    def load_checkpoint(self) -> int:
        return 0


if __name__ == "__main__":
    relay.OutboxFeed = Forgetful
    run("relay", relay.main)
