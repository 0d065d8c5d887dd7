"""A notifications worker that raises, for every tenth event, what nobody expects."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.broker import Received
from mutants.model import Mutant
from workers import notifications
from workers.inbox import Effect, Inbox
from workers.process import run

EVERY = 10


class Unheard(Exception):
    """No handler names this type."""


class Choking(Inbox):
    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        for effect in effects:
            if effect.record.seq % EVERY == 0:
                raise Unheard(effect.record.id)
        return super().apply(effects, skipped)


MUTANT = Mutant("notifications", {"duplicate-command": "no_dead_letter"})


if __name__ == "__main__":
    notifications.Inbox = Choking
    run("notifications", notifications.main)
