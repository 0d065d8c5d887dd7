"""A source that connects again by itself, within a transaction, and a watcher that does not notice that its reader was gone."""

from __future__ import annotations

from mutants.model import Mutant
from stacks import watcher
from stacks.native.binlog_reader import ReaderWatch
from workers.process import run

MUTANT = Mutant(
    "watcher",
    {"large-insert": "check.bulk_published"},
    source_settings={"connect.keep.alive": "true", "connect.keep.alive.interval.ms": "1000"},
)


if __name__ == "__main__":
    ReaderWatch.is_gone = lambda _self: False
    run("watcher", watcher.main)
