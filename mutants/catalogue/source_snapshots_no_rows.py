"""A source that snapshots the schema only: a new one begins behind the rows that it has not read."""

from __future__ import annotations

from mutants.model import Mutant

MUTANT = Mutant(
    "source",
    {"binlog-purged": "published_what_was_committed", "history-lost": "published_what_was_committed"},
    source_settings={"snapshot.mode": "schema_only"},
)
