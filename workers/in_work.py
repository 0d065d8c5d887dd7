"""Which messages a process is handling, in a small file that outlives it.

The file is written before anything looks into a message, for a message may end the process in any way: out of memory, a
crash in a library, `os._exit`. It is not forced to the disk: it has to survive the process, not a power cut.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from application import crash_points, leases
from connectors.broker import Received
from db.failures import MessageKey
from settings import Settings

CLOCK_SLACK_S = 1.0
"""A lease is granted just before the process is killed, and files tell their times more coarsely than clocks."""


def key_of(message: Received) -> MessageKey:
    return MessageKey(message.topic, message.message_id, message.publish_us)


@dataclass(frozen=True, slots=True)
class Left:
    """What the former process was handling when it ended without saying so."""

    keys: tuple[MessageKey, ...]
    pid: int
    at: float
    """Since when, in seconds since the epoch."""


class InWork:
    """The messages of this process. Without a path nothing is written: for a run in another process's place."""

    def __init__(self, path: Path | None = None) -> None:
        self._file: int | None = None
        self._lines: list[str] = []
        """A line for each message in work; built without a `MessageKey` each, for this is done for every batch."""
        self.left = Left((), 0, 0.0)
        if path is not None:
            self.left = _left(path)
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def busy(self) -> bool:
        return bool(self._lines)

    def enter(self, messages: Sequence[Received]) -> None:
        """From now on these are being handled, and no others."""
        self._write([f"{each.topic}\t{each.message_id}\t{each.publish_us}" for each in messages])

    def leave(self) -> None:
        """Nothing is being handled."""
        self._write([])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is in work waits for something else: if the process ends now, no message is to blame."""
        lines = self._lines
        self.leave()
        yield
        self._write(lines)

    def close(self) -> None:
        """A polite end: nothing is left behind."""
        self.leave()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, lines: list[str]) -> None:
        before, self._lines = self._lines, lines
        if self._file is None or lines == before:
            return
        with contextlib.suppress(OSError):  # a full disk must not stop a worker; it only blames nobody then
            if before:
                os.ftruncate(self._file, 0)
            if lines:
                os.pwrite(self._file, "\n".join([str(os.getpid()), *lines, ""]).encode("utf-8", "replace"), 0)


def of_part(settings: Settings, part: str) -> InWork:
    """The file of a part. Containers of one service share the folder, and each has a host name of its own."""
    shared = settings.stack in ("compose", "external")
    return InWork(settings.run / "in-work" / (f"{part}@{socket.gethostname()}" if shared else part))


def ended_on_purpose(settings: Settings, part: str, left: Left) -> bool:
    """Whether somebody killed that process through this program, so that no message did."""
    since = left.at - CLOCK_SLACK_S
    if any(
        window.part == part and window.fault == "kill" and window.started_at >= since
        for window in leases.windows(settings, since)
    ):
        return True
    hits = (crash_points.hit(settings, part, point) for point in crash_points.POINTS)
    return any(hit is not None and hit.pid == left.pid for hit in hits)


def _left(path: Path) -> Left:
    """Nothing, where the file is missing, empty, or was not written to its end."""
    try:
        text = path.read_text(encoding="utf-8")
        at = path.stat().st_mtime
        pid, *lines = text.split("\n")
        if not lines or lines.pop():
            return Left((), 0, 0.0)
        fields = [line.split("\t") for line in lines]
        return Left(tuple(MessageKey(topic, each, int(us)) for topic, each, us in fields), int(pid), at)
    except (OSError, ValueError):
        return Left((), 0, 0.0)
