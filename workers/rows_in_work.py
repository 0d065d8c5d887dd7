"""Record in a small file which rows the relay or the audit process is handling, and how many processes each row ended.

When a process ends while it handles several rows, any of them may have ended it. The next process handles these rows one at a
time; if it ends too, the row in work is counted. The counts are in a file, because there is only one process of each kind.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from settings import Settings
from workers import in_work
from workers.policy import MAX_DEATHS

UNKNOWN_ROWS = 500
"""How many `seq` after the last known row are suspected when the previous process ended while it was reading."""


@dataclass(frozen=True, slots=True)
class _Left:
    """The rows that the previous process was handling when it ended unexpectedly."""

    pid: int
    first: int
    last: int
    """0: it was reading, so the last row is unknown."""
    at: float
    """When it began with them, in seconds since the epoch."""


class RowsInWork:
    """The rows in work. Use it in one thread. When its file cannot be written, no row can be blamed, and the process continues."""

    def __init__(self, path: Path, killed_on_purpose: bool = False) -> None:
        """Count the death of the previous process, unless it was killed on purpose."""
        self._deaths_path = path.with_suffix(".deaths")
        self._deaths = _read_deaths(self._deaths_path)
        self._written = ""
        self._until = 0
        left = _read_left(path)
        if left is not None and not killed_on_purpose:
            if left.first == left.last:
                self._deaths[left.first] = self._deaths.get(left.first, 0) + 1
                self._save_deaths()
            else:
                self._until = left.last or left.first + UNKNOWN_ROWS
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def is_next_suspect(self, after: int) -> bool:
        """Return whether the next row after a `seq` may have ended a process, so that it must be handled alone."""
        return after < self._until or any(seq > after for seq in self._deaths)

    def fatal_deaths(self, seq: int) -> int:
        """Return how many processes the row ended when they are too many for another attempt, else 0."""
        deaths = self._deaths.get(seq, 0)
        return deaths if deaths >= MAX_DEATHS else 0

    def enter(self, first: int, last: int = 0) -> None:
        """Record that exactly these rows are being handled; without `last`, all rows that will be read from `first` on."""
        self._write(f"{os.getpid()} {first} {last}\n")

    def leave(self, up_to: int) -> None:
        """Record that no row is being handled and that every row up to this `seq` is published or parked."""
        self._write("")
        finished = [seq for seq in self._deaths if seq <= up_to]
        if finished:
            for seq in finished:
                del self._deaths[seq]
            self._save_deaths()

    def close(self) -> None:
        """End in order, so that the next process suspects no row."""
        self._write("")
        os.close(self._file)

    def _write(self, text: str) -> None:
        if text == self._written:
            return
        with contextlib.suppress(OSError):
            if len(text) < len(self._written):
                os.ftruncate(self._file, 0)
            os.pwrite(self._file, text.encode(), 0)
            self._written = text

    def _save_deaths(self) -> None:
        with contextlib.suppress(OSError):
            temporary = self._deaths_path.with_suffix(".tmp")
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._deaths), encoding="utf-8")
            temporary.replace(self._deaths_path)


def open_for_component(settings: Settings, part: str) -> RowsInWork:
    """Return the rows in work of this instance's relay or audit process."""
    path = settings.run / "in-work" / part
    left = _read_left(path)
    on_purpose = left is not None and in_work.ended_on_purpose(settings, part, in_work.Left((), left.pid, left.at))
    return RowsInWork(path, on_purpose)


def _read_left(path: Path) -> _Left | None:
    """Return what the file says, None when it is missing, empty or incomplete."""
    with contextlib.suppress(OSError, ValueError):
        text = path.read_text(encoding="utf-8")
        if text.endswith("\n"):
            pid, first, last = map(int, text.split())
            return _Left(pid, first, last, path.stat().st_mtime)
    return None


def _read_deaths(path: Path) -> dict[int, int]:
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        return {int(seq): int(deaths) for seq, deaths in json.loads(path.read_text(encoding="utf-8")).items()}
    return {}
