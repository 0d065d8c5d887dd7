"""A notifications worker that acknowledges some event without an effect."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.broker import Received
from mutants.model import Mutant
from workers import notifications
from workers.inbox import Effect, Inbox
from workers.process import run

EVERY = 7


class Careless(Inbox):
    seen = 0

    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        kept = []
        for effect in effects:
            Careless.seen += 1
            if Careless.seen % EVERY:
                kept.append(effect)
        return super().apply(kept, skipped)


MUTANT = Mutant(
    "notifications", {"replay": "nothing_lost", "restart-source": "nothing_lost", "kill-broker": "nothing_lost"}
)


if __name__ == "__main__":
    notifications.Inbox = Careless
    run("notifications", notifications.main)
