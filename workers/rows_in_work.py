"""Which outbox rows the relay is handling, in a small file that outlives its process, and how many processes each ended.

A process that ends while it handles several rows says only that one of them may have ended it. The next process handles
those one at a time; if it ends at one of them, that row is counted. The relay has no message to count by, and is alone.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from settings import Settings
from workers import in_work
from workers.policy import DEATHS

UNKNOWN_ROWS = 500
"""Where the former process ended while it read, so many `seq` behind the last row it had are suspected."""


@dataclass(frozen=True, slots=True)
class _Left:
    """What the former process was handling when it ended without a clean stop."""

    pid: int
    first: int
    last: int
    """0: it was reading, so nobody knows how far."""
    at: float
    """Since when, in seconds since the epoch."""


class RowsInWork:
    """For one thread. A file that cannot be written blames no row; it never stops the relay."""

    def __init__(self, path: Path, killed_on_purpose: bool = False) -> None:
        """Count the former process's end, unless it was killed on purpose."""
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

    def alone(self, after: int) -> bool:
        """Whether the next row behind a `seq` must be handled by itself: it may have ended a process."""
        return after < self._until or any(seq > after for seq in self._deaths)

    def fatal(self, seq: int) -> int:
        """How many processes this row has ended, if those are too many to try it once more; else 0."""
        deaths = self._deaths.get(seq, 0)
        return deaths if deaths >= DEATHS else 0

    def enter(self, first: int, last: int = 0) -> None:
        """From now on these rows are handled, and no others; without `last`, whatever will be read from `first` on."""
        self._write(f"{os.getpid()} {first} {last}\n")

    def leave(self, done: int) -> None:
        """Nothing is handled now; every row up to `done` is published or parked."""
        self._write("")
        finished = [seq for seq in self._deaths if seq <= done]
        if finished:
            for seq in finished:
                del self._deaths[seq]
            self._save_deaths()

    def close(self) -> None:
        """Stop cleanly: the next process suspects no row."""
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


def of_relay(settings: Settings) -> RowsInWork:
    """The relay's file in its instance."""
    path = settings.run / "in-work" / "relay"
    left = _read_left(path)
    return RowsInWork(path, left is not None and _on_purpose(settings, left))


def _on_purpose(settings: Settings, left: _Left) -> bool:
    return in_work.ended_on_purpose(settings, "relay", in_work.Left((), left.pid, left.at))


def _read_left(path: Path) -> _Left | None:
    """None where the file is missing, empty, or was not written to its end."""
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
