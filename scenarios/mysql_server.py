"""Run statements on the MySQL server of an instance of ours as its root, and say what it has: binlogs, its id, tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from settings import Settings
from stacks.native.root import as_root

RENAMED_SINCE = (8, 2)
"""The version of MySQL that calls `RESET MASTER` otherwise; 8.4 knows the new name alone."""


def execute(settings: Settings, *statements: str) -> list[tuple[Any, ...]]:
    """Run the statements on one connection, each committed by itself; return the rows of the last. Raises DatabaseUnavailable."""
    with as_root(settings) as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        return [tuple(row) for row in results[-1]] if results[-1].returns_rows else []


def list_binlogs(settings: Settings) -> set[str]:
    """Return the names of the binlog files that the server still has."""
    return {str(row[0]) for row in execute(settings, "SHOW BINARY LOGS")}


def read_binlog_end(settings: Settings) -> tuple[str, int]:
    """Return the file that the server writes to, and the position behind its last event."""
    # `SHOW MASTER STATUS` has another name since MySQL 8.4; this table has one name in all versions.
    file, place = execute(
        settings,
        "SELECT local->>'$.binary_log_file', local->>'$.binary_log_position' FROM performance_schema.log_status",
    )[0]
    return str(file), int(place)


def read_binlog(settings: Settings, file: str, place: int) -> list[str]:
    """Return what the server shows of the events of a file from a position on; of a statement, its text."""
    return [str(row[-1]) for row in execute(settings, f"SHOW BINLOG EVENTS IN '{file}' FROM {place}")]


def purge_binlogs(settings: Settings) -> None:
    """Begin a new binlog file and delete every older one."""
    execute(settings, "FLUSH BINARY LOGS", "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")


def purge_binlogs_before_last(settings: Settings) -> None:
    """Delete every binlog file but the one that the server writes to."""
    execute(settings, f"PURGE BINARY LOGS TO '{read_binlog_end(settings)[0]}'")


def begin_another_binlog(settings: Settings) -> None:
    """Delete every binlog file, so that the next one has the number 1 and the names of old positions mean nothing."""
    version = str(execute(settings, "SELECT VERSION()")[0][0])
    is_renamed = tuple(int(part) for part in version.split(".")[:2]) >= RENAMED_SINCE
    execute(settings, "RESET BINARY LOGS AND GTIDS" if is_renamed else "RESET MASTER")


def read_server_id(settings: Settings) -> str:
    """Return the id that the server made for itself when its data directory was new."""
    return str(execute(settings, "SELECT @@server_uuid")[0][0])


def list_tables(settings: Settings) -> set[str]:
    return {str(row[0]) for row in execute(settings, "SHOW TABLES")}


def list_columns(settings: Settings, table: str) -> list[str]:
    return [str(row[0]) for row in execute(settings, f"SHOW COLUMNS FROM {table}")]


def remove_binlogs_from(data: Path, file: str) -> None:
    """Remove this binlog file and the later ones from the data directory of a server that does not run. Raises OSError."""
    index = data / "mysql-bin.index"
    lines = [line for line in index.read_text(encoding="utf-8").splitlines() if Path(line).name < file]
    for path in data.glob("mysql-bin.[0-9]*"):
        if path.name >= file:
            path.unlink()
    index.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
