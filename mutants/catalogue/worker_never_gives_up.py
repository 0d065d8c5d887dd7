"""A notifications worker whose retries begin to count again each time: a failing event holds its commission for ever."""

from __future__ import annotations

from mutants.model import Mutant
from workers import notifications, policy
from workers.process import run

MUTANT = Mutant("notifications", {"poison-message": "check.failing_dead_lettered"})


if __name__ == "__main__":
    policy.MAX_ATTEMPTS = 10**9
    run("notifications", notifications.main)
