"""`events.jsonl`: one line a notification, equal to the table whatever happens to the file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from db.queries import NotificationRow


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in a file: the `seq` of its whole lines, and the bytes up to the end of the last whole one."""

    seqs: frozenset[int]
    whole_bytes: int
    clean: bool
    """False when a line is not one of ours or stands twice."""


def line(row: NotificationRow) -> bytes:
    """The audit line: what was notified of, when, and by whom."""
    return (
        json.dumps(
            {
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
            },
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode("utf-8", "backslashreplace")  # half a surrogate pair becomes its JSON escape and stops nothing
        + b"\n"
    )


def contents(path: Path) -> Contents:
    """Read a file; one that is missing is empty."""
    seqs: set[int] = set()
    whole, clean = 0, True
    try:
        with path.open("rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                seq = _seq(raw)
                if seq is None or seq in seqs:
                    clean = False
                else:
                    seqs.add(seq)
                whole += len(raw)
    except FileNotFoundError:
        pass
    return Contents(frozenset(seqs), whole, clean)


def event_ids(path: Path, correlation_id: str | None = None) -> list[str]:
    """The event ids in the file, in order, doubled ones twice; a torn or foreign line is left out."""
    found: list[str] = []
    try:
        with path.open("rb") as file:
            wanted = b"" if correlation_id is None else correlation_id.encode()
            for raw in file:
                if wanted not in raw:
                    continue
                try:
                    entry = json.loads(raw)
                    if correlation_id is None or entry["correlationId"] == correlation_id:
                        found.append(str(entry["eventId"]))
                except (ValueError, KeyError, TypeError):
                    continue
    except FileNotFoundError:
        pass
    return found


def begin(path: Path, length: int) -> None:
    """Make a file that is not there, and cut what stands beyond byte `length`: a torn line. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        if os.fstat(descriptor).st_size > length:
            os.ftruncate(descriptor, length)
    finally:
        os.close(descriptor)


def append(path: Path, rows: Iterable[NotificationRow], half_way: Callable[[], None] = lambda: None) -> int:
    """Add lines at the end and bring them to disk; how many bytes they are.

    `half_way` is called when the first half of the bytes is written. Raises OSError: the disk is full, or
    (FileNotFoundError) the file is gone. It is never made anew here, nor written beyond its end: whoever deletes or
    cuts it at this very moment leaves a file whose length betrays it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
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


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _seq(raw: bytes) -> int | None:
    try:
        entry = json.loads(raw)
    except ValueError:
        return None
    seq = entry.get("seq") if isinstance(entry, dict) else None
    return seq if isinstance(seq, int) else None
