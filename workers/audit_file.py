"""Read and write `events.jsonl`, which has one line for each notification.

The lines have the order in which the audit process saw their rows committed: ascending by `seq`, except that a row which was
committed after higher ones follows them. A file that was written again from the beginning is ascending throughout.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import math
import os
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from db.notification_queries import NotificationRow

log = logging.getLogger(__name__)

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def line(row: NotificationRow) -> bytes:
    """Return the audit line of a notification: its event, when it was written, and by which consumer.

    The line is always UTF-8 and JSON: half a surrogate pair becomes its escape, and a number that JSON does not have becomes
    the text "NaN", "Infinity" or "-Infinity". Raise TypeError or RecursionError for a payload that JSON cannot represent.
    """
    entry = {
        "seq": row.seq,
        "eventId": row.event_id,
        "type": row.type,
        "commissionId": row.commission_id,
        "aggregateVersion": row.aggregate_version,
        "correlationId": row.correlation_id,
        "occurredAt": row.occurred_at.isoformat(timespec="microseconds") + "Z",
        "notifiedAt": row.notified_at.isoformat(timespec="microseconds") + "Z",
        "consumer": row.consumer,
        "payload": row.payload,
    }
    try:
        text = _ENCODER.encode(entry)
    except ValueError:
        entry["payload"] = _replace_non_finite(row.payload)
        text = _ENCODER.encode(entry)
    return text.encode("utf-8", "backslashreplace") + b"\n"  # half a surrogate pair becomes its JSON escape


def _replace_non_finite(value: Any) -> Any:
    match value:
        case dict():
            return {name: _replace_non_finite(member) for name, member in value.items()}
        case list():
            return [_replace_non_finite(item) for item in value]
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case _:
            return value


def event_ids(path: Path, correlation_id: str | None = None) -> list[str]:
    """Return the event ids in the file, in order, an id on two lines twice. Incomplete and foreign lines are skipped."""
    ids: list[str] = []
    try:
        with path.open("rb") as file:
            needle = b"" if correlation_id is None else correlation_id.encode()
            for raw in file:
                if needle not in raw:
                    continue
                try:
                    entry = json.loads(raw)
                    if correlation_id is None or entry["correlationId"] == correlation_id:
                        ids.append(str(entry["eventId"]))
                except (ValueError, KeyError, TypeError, RecursionError):
                    continue
    except FileNotFoundError:
        pass
    return ids


def append(path: Path, rows: Iterable[NotificationRow], half_way: Callable[[], None] = lambda: None) -> int:
    """Append lines, flush them to disk, and return their number of bytes.

    `half_way` is called after the first half of the bytes was written. Raise OSError when the disk is full and
    FileNotFoundError when the file does not exist. The file is never created here and never written beyond its end, so that
    its length shows when another process deletes or cuts it at this moment.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    try:
        data = b"".join(line(row) for row in rows)
        half = len(data) // 2
        _write_all(descriptor, data[:half])
        half_way()
        _write_all(descriptor, data[half:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return len(data)


class State(NamedTuple):
    """What tells whether a file was touched: its kind, identity, size and times."""

    mode: int
    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def read_state(path: Path) -> State | None:
    """Return the file's state, None when there is no file."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return State(status.st_mode, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def set_aside(path: Path) -> None:
    """Rename a file that another program wrote, so that nothing of it is lost. Raise OSError."""
    aside = path.with_name(f"foreign-{path.stem}-{time.time_ns()}{path.suffix}")
    log.warning("%s holds lines that are not of this instance: it is kept as %s", path, aside.name)
    path.rename(aside)


def open_for_repair(path: Path) -> int:
    """Return a descriptor to read and write the file; create the file when it is missing, and remove a link or pipe in its place.

    Raise OSError, for example for a directory in its place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        kind = path.lstat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            path.unlink()
    except FileNotFoundError:
        pass
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def lock(path: Path) -> int:
    """Reserve the file's folder for this process and return a descriptor, which holds the lock until it is closed.

    Otherwise two instances with the same `ALPES_AUDIT_DIR` would set each other's lines aside for ever. Raise BlockingIOError
    for a folder that another process has reserved, and OSError for one that cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BlockingIOError(
            errno.EAGAIN, "another audit process writes in this folder; give each instance its own ALPES_AUDIT_DIR"
        ) from None
    except OSError as error:  # some shared file systems have no locks; the file is worth more than this check
        log.warning("%s cannot be reserved for this process: %s", path.parent, error)
    return descriptor


def write_at(descriptor: int, start: int, data: bytes) -> None:
    """Write these bytes at an offset. Raise OSError."""
    while data:
        written = os.pwrite(descriptor, data, start)
        data, start = data[written:], start + written


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
