"""A source without a heartbeat, as by default: an idle outbox leaves its offset in a binlog that is purged meanwhile."""

from __future__ import annotations

from mutants.model import Mutant

MUTANT = Mutant(
    "source",
    {"idle-capture": "check.goes_on_without_snapshot"},
    source_settings={"heartbeat.interval.ms": "0"},
)
