"""A notifications worker that never retries: an event that fails once becomes a dead letter."""

from __future__ import annotations

from mutants.model import Mutant
from workers import notifications, policy
from workers.process import run

MUTANT = Mutant("notifications", {"kill-worker": "no_dead_letter"})


if __name__ == "__main__":
    policy.MAX_ATTEMPTS = 1
    run("notifications", notifications.main)
