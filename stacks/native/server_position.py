"""Let Debezium Server forget its position: the file of its offsets, and for a new snapshot that of the schema history too."""

from __future__ import annotations

import re
from pathlib import Path

from connectors import server_properties
from settings import Settings
from stacks import operation
from stacks.native import binlog_history, healing
from stacks.operation import Say

RESNAPSHOT = "new snapshot of Debezium Server"
FILE = re.compile(rb'"file":"([^"]+)"')
"""In its stored offset, which is JSON inside a serialized map of Java."""


def read_binlog_file(settings: Settings) -> str:
    """Return the binlog file of the stored position; empty when none is stored."""
    try:
        stored = FILE.search(server_properties.offsets_file(settings).read_bytes())
    except OSError:
        return ""
    return stored.group(1).decode() if stored else ""


def resnapshot(settings: Settings, say: Say, patience_s: float = operation.PATIENCE_S) -> None:
    """Let it take a new snapshot: it publishes every row of the outbox again, and the inbox absorbs the known ones.

    Nothing is lost: a row that was not published is still in the outbox. Raises Busy or NotRunning.
    """
    with operation.alone(settings, RESNAPSHOT, say, patience_s), operation.holding(settings, RESNAPSHOT) as held:
        held.hold(settings.facts.capture.component)
        binlog_history.forget(settings)
        forget(settings)


def has_snapshot(settings: Settings) -> bool:
    """Return whether the stored position is behind a complete snapshot. While it takes one, the position says so."""
    try:
        stored = server_properties.offsets_file(settings).read_bytes()
    except OSError:
        return False
    return FILE.search(stored) is not None and b'"snapshot":' not in stored


def forget(settings: Settings) -> None:
    """Delete offsets and schema history of one that does not run, and let it start. Raises OSError."""
    server_properties.offsets_file(settings).unlink(missing_ok=True)
    server_properties.history_file(settings).unlink(missing_ok=True)
    left_file(settings).unlink(missing_ok=True)


def left_file(settings: Settings) -> Path:
    """Return the file that keeps it from starting: the watcher has left it to its user."""
    return settings.run / "debezium.left"


def leave(settings: Settings) -> None:
    """Let it wait until somebody restarts it, instead of failing again and again. Raises OSError."""
    left_file(settings).touch()


def release(settings: Settings) -> None:
    """Let it start again, and forget what was tried against its trouble."""
    healing.forget(settings)
    left_file(settings).unlink(missing_ok=True)
