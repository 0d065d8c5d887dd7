"""A commands worker that acknowledges the commands that it receives before it has handled them."""

from __future__ import annotations

from mutants.catalogue.worker_acknowledges_early import Hasty
from mutants.model import Mutant
from workers import commands
from workers.process import run

MUTANT = Mutant("commands", {"commands-topic": "acknowledged_is_committed"})


if __name__ == "__main__":
    commands.Subscription = Hasty
    run("commands", commands.main)
