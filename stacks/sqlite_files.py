"""Remove a SQLite database with the files that SQLite keeps next to it."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = ("-wal", "-shm", "-journal", "")


def remove(database: Path) -> None:
    """Remove a database that no process has open. Files that only begin with its name are somebody else's, and stay."""
    for suffix in SUFFIXES:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
