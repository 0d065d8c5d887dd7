"""A notifications worker that skips what a repair has published, as if only the capture's messages were events."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.broker import Received
from mutants.model import Mutant
from scenarios.repair import PROPERTY
from workers import notifications
from workers.inbox import Effect, Inbox
from workers.process import run


class Selective(Inbox):
    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        captured = [effect for effect in effects if PROPERTY not in effect.message.properties]
        repaired = [effect.message for effect in effects if PROPERTY in effect.message.properties]
        return super().apply(captured, [*skipped, *repaired])


MUTANT = Mutant("notifications", {"unlogged-write": "nothing_lost"})


if __name__ == "__main__":
    notifications.Inbox = Selective
    run("notifications", notifications.main)
