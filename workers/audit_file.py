"""`events.jsonl`: one line a notification. Here are the line and the ways the file is read and written.

Lines stand in the order in which the audit process saw their rows committed: ascending by `seq`, but a row that was
committed after higher ones follows them. A file that is written anew is ascending throughout.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from db.queries import NotificationRow

_PLAIN = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def line(row: NotificationRow) -> bytes:
    """The audit line: what was notified of, when, and by whom.

    It is UTF-8 and JSON whatever the payload holds: half a surrogate is written as its escape, and a number that JSON lacks
    as the text "NaN", "Infinity" or "-Infinity". Raises TypeError or RecursionError for a payload that no JSON can hold.
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
        text = _PLAIN.encode(entry)
    except ValueError:
        entry["payload"] = _finite(row.payload)
        text = _PLAIN.encode(entry)
    return text.encode("utf-8", "backslashreplace") + b"\n"  # half a surrogate pair becomes its JSON escape


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {name: _finite(each) for name, each in value.items()}
        case list():
            return [_finite(each) for each in value]
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case _:
            return value


def event_ids(path: Path, correlation_id: str | None = None) -> list[str]:
    """The event ids in the file, in order, doubled ones twice; a torn or foreign line is left out."""
    ids: list[str] = []
    try:
        with path.open("rb") as file:
            wanted = b"" if correlation_id is None else correlation_id.encode()
            for raw in file:
                if wanted not in raw:
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
    """Add lines at the end and bring them to disk; how many bytes they are.

    `half_way` is called when the first half of the bytes is written. Raises OSError: the disk is full, or
    (FileNotFoundError) the file is gone. It is never made anew here, nor written beyond its end: whoever deletes or
    cuts it at this very moment leaves a file whose length betrays it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    try:
        data = b"".join(line(row) for row in rows)
        half = len(data) // 2
        _write(descriptor, data[:half])
        half_way()
        _write(descriptor, data[half:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return len(data)


def open_for_repair(path: Path) -> int:
    """A descriptor to read and write the file, made where there is none. A link or a pipe in its place is removed.

    Raises OSError, for example for a directory in its place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        kind = path.lstat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            path.unlink()
    except FileNotFoundError:
        pass
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def write_at(descriptor: int, start: int, data: bytes) -> None:
    """Put these bytes at their place. Raises OSError."""
    while data:
        written = os.pwrite(descriptor, data, start)
        data, start = data[written:], start + written


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
