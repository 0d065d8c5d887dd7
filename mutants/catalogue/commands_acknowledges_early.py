"""A commands worker that acknowledges the commands that it receives before it has handled them."""

from __future__ import annotations

import threading

from connectors.broker import Received, Subscription
from mutants.model import Mutant
from workers import commands
from workers.process import run

GROUPED_S = 0.25
"""The client sends its acknowledgements in groups, at least every tenth of a second."""


class Hasty(Subscription):
    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        batch = super().receive(limit, timeout_s)
        self.acknowledge(batch)
        if batch:
            threading.Event().wait(GROUPED_S)
        return batch


MUTANT = Mutant("commands", {"commands-topic": "acknowledged_is_committed"})


if __name__ == "__main__":
    commands.Subscription = Hasty
    run("commands", commands.main)
