"""A watcher that leaves the capture alone: one that has lost its reader or its position stays as it is."""

from __future__ import annotations

from mutants.model import Mutant
from stacks import watcher
from workers.process import run

MUTANT = Mutant(
    "watcher", {"kill-database": "published_what_was_committed", "older-binlog": "published_what_was_committed"}
)


if __name__ == "__main__":
    watcher._make_healers = lambda _settings, _engine: []
    run("watcher", watcher.main)
