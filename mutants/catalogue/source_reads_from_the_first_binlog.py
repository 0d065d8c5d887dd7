"""A source that never takes a snapshot: it reads the binlogs that there are, and not what another server's held."""

from __future__ import annotations

from mutants.model import Mutant

MUTANT = Mutant(
    "source",
    {"server-replaced": "published_what_was_committed", "binlog-purged": "published_what_was_committed"},
    source_settings={"snapshot.mode": "never"},
)
