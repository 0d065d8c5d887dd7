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
    effect_count = 0

    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        remaining = []
        for effect in effects:
            Careless.effect_count += 1
            if Careless.effect_count % EVERY:
                remaining.append(effect)
        return super().apply(remaining, skipped)


MUTANT = Mutant(
    "notifications", {"replay": "nothing_lost", "restart-source": "nothing_lost", "kill-broker": "nothing_lost"}
)


if __name__ == "__main__":
    notifications.Inbox = Careless
    run("notifications", notifications.main)
