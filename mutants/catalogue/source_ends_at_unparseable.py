"""A source with Debezium's default: a statement on any table that it cannot parse ends it."""

from __future__ import annotations

from mutants.model import Mutant

MUTANT = Mutant(
    "source",
    {"unparseable-ddl": "published_what_was_committed"},
    source_settings={"database.history.skip.unparseable.ddl": "false"},
)
