"""Remove a SQLite database with the files that SQLite keeps next to it."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = ("-wal", "-shm", "-journal", "")
"""What SQLite appends to the database's name; the database itself comes last."""


def remove_database(database: Path) -> None:
    """Remove a database that no process has open. Other files stay, even if their names begin with the database's name."""
    for suffix in SUFFIXES:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
