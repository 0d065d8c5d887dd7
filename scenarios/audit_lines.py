"""The audit file as the judge reads it, by its own means: what the audit process believes of its file proves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.contents import NotifiedContents
from domain.contents import Contents, canonical_value


@dataclass(frozen=True, slots=True)
class AuditLine:
    contents: Contents
    seq: int
    consumer: str
    notified_at: str

    def is_of(self, row: NotifiedContents) -> bool:
        """Whether it says what the notification says."""
        return (self.contents, self.seq, self.consumer, self.notified_at) == (
            row.contents,
            row.seq,
            row.consumer,
            row.notified_at,
        )


@dataclass(frozen=True, slots=True)
class Foreign:
    """A whole line that is no audit line."""

    number: int
    """From 1."""


def read(path: Path, correlation_id: str | None = None) -> Iterator[AuditLine | Foreign]:
    """Every whole line in order; what stands behind the last line's end is still being written.

    With a correlation id only its own lines; foreign ones cannot be told apart then and are left out.
    """
    # Looked for before a line is parsed; only where the file can write the id in no other way.
    plain = correlation_id is not None and correlation_id.isascii() and correlation_id.isprintable()
    marker = json.dumps(correlation_id).encode() if plain else b""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if not raw.endswith(b"\n") or marker not in raw:
                    continue
                line = parse(raw)
                if correlation_id is None:
                    yield line or Foreign(number)
                elif line is not None and line.contents.correlation_id == correlation_id:
                    yield line
    except FileNotFoundError:
        return


def parse(raw: bytes) -> AuditLine | None:
    """None for what is no audit line."""
    try:
        entry: dict[str, Any] = json.loads(raw)
        contents = Contents(
            str(entry["eventId"]),
            str(entry["commissionId"]),
            int(entry["aggregateVersion"]),
            str(entry["type"]),
            canonical_value(entry["payload"]),
            str(entry["correlationId"]),
            str(entry["occurredAt"]),
        )
        return AuditLine(contents, int(entry["seq"]), str(entry["consumer"]), str(entry["notifiedAt"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
