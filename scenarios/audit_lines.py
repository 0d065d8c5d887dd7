"""Read the audit file for the judge, without the audit worker's code, which may be wrong about its own file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from db.contents import NotifiedContents
from domain.contents import Contents, canonical_value

LINES_AT_ONCE = 1000
BYTES_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class AuditLine:
    contents: Contents
    seq: int
    consumer: str
    notified_at: str

    def is_of(self, row: NotifiedContents) -> bool:
        """Return whether this line says what the notification says."""
        return (self.contents, self.seq, self.consumer, self.notified_at) == (
            row.contents,
            row.seq,
            row.consumer,
            row.notified_at,
        )

    def digest(self) -> str:
        """Return 32 hexadecimal digits; equal lines have equal digests."""
        return digest_line(self.contents, self.seq, self.consumer, self.notified_at)


@dataclass(frozen=True, slots=True)
class ForeignLine:
    """A complete line of the file that is not an audit line."""

    number: int
    """Line number, from 1."""


def read(path: Path, correlation_id: str | None = None) -> Iterator[AuditLine | ForeignLine]:
    """Yield every complete line in order. Bytes after the last line's end are still being written and are ignored.

    With a correlation id, yield only its lines, and no foreign lines, because nobody knows whose they are.
    """
    try:
        if correlation_id is not None:
            yield from _read_correlated(path, correlation_id)
            return
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if raw.endswith(b"\n"):
                    yield parse(raw) or ForeignLine(number)
    except FileNotFoundError:
        return


def _read_correlated(path: Path, correlation_id: str) -> Iterator[AuditLine]:
    # Searching the bytes for the id is cheaper than parsing each line. That works only for an id with one spelling in JSON.
    has_plain_spelling = correlation_id.isascii() and correlation_id.isprintable()
    id_bytes = json.dumps(correlation_id).encode() if has_plain_spelling else b""
    with path.open("rb") as file:
        while block := file.read(BYTES_AT_ONCE):
            block += file.readline()
            lines = (
                block.split(b"\n")[:-1] if id_bytes in block else ()
            )  # behind the last line end, a line is being written
            for raw in lines:
                line = parse(raw) if id_bytes in raw else None
                if line is not None and line.contents.correlation_id == correlation_id:
                    yield line


def read_of_run(path: Path, correlation_id: str) -> Iterator[AuditLine | ForeignLine]:
    """Yield the lines of a correlation id, and the foreign ones behind the first of them, which were written since."""
    id_bytes = json.dumps(correlation_id).encode()
    has_begun = False
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if not raw.endswith(b"\n") or not (has_begun or id_bytes in raw):
                    continue
                line = parse(raw)
                if line is None:
                    if has_begun:
                        yield ForeignLine(number)
                elif line.contents.correlation_id == correlation_id:
                    has_begun = True
                    yield line
    except FileNotFoundError:
        return


def read_pages(path: Path) -> Iterator[list[tuple[str | None, bytes]]]:
    """Yield every complete line that the file has at the first call, with its event id; None when it is no audit line."""
    try:
        with path.open("rb") as file:
            rest = os.fstat(file.fileno()).st_size
            while rest > 0:
                page = []
                for raw in islice(file, LINES_AT_ONCE):
                    rest -= len(raw)
                    if raw.endswith(b"\n") and rest >= 0:
                        page.append((_find_event_id(raw), raw))
                if not page:
                    return
                yield page
    except FileNotFoundError:
        return


def _find_event_id(raw: bytes) -> str | None:
    """Return the event id of a line, read from its beginning if it begins as usual; None when it is no audit line."""
    parts = raw.split(b'"', 6)
    if parts[1:2] == [b"seq"] and parts[3:5] == [b"eventId", b":"] and len(parts) == 7 and b"\\" not in parts[5]:
        return parts[5].decode("utf-8", "replace")
    line = parse(raw)
    return None if line is None else line.contents.event_id


def digest_line(contents: Contents, seq: int, consumer: str, notified_at: str) -> str:
    """Return the digest that the line of a notification must have."""
    text = f"{contents.digest()} {seq} {consumer} {notified_at}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def parse(raw: bytes) -> AuditLine | None:
    """Return the audit line in `raw`, or None when it is not one."""
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
