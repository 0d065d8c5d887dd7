"""Record in a small file which messages a process is handling, so that the file outlives the process.

The file is written before any code reads a message, because a message may end the process in any way: out of memory, a crash
in a library, `os._exit`. It is not flushed to the disk, because it must survive the process and not a power cut.
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
"""A lease is granted just before the process is killed, and the times of files are coarser than clocks."""


def key_of(message: Received) -> MessageKey:
    """Return what identifies a message across redeliveries."""
    return MessageKey(message.topic, message.message_id, message.publish_us)


@dataclass(frozen=True, slots=True)
class Left:
    """The messages that the previous process was handling when it ended unexpectedly."""

    keys: tuple[MessageKey, ...]
    pid: int
    at: float
    """When it began with them, in seconds since the epoch."""


class InWork:
    """The messages that this process is handling. Without a path nothing is written."""

    def __init__(self, path: Path | None = None) -> None:
        self._file: int | None = None
        self._lines: list[str] = []
        """One line for each message in work. Lines are built without `MessageKey`, because every batch builds them."""
        self._owns_file = False
        """Whether the file holds only what this process wrote."""
        self.left = Left((), 0, 0.0)
        if path is not None:
            self.left = _read_left(path)
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def busy(self) -> bool:
        return bool(self._lines)

    def enter(self, messages: Sequence[Received]) -> None:
        """Record that exactly these messages are being handled."""
        self._write([f"{message.topic}\t{message.message_id}\t{message.publish_us}" for message in messages])

    def leave(self) -> None:
        """Record that no message is being handled."""
        self._write([])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Enter a context for a wait: if the process ends in it, no message is to blame."""
        lines = self._lines
        self.leave()
        yield
        self._write(lines)

    def close(self) -> None:
        """End in order, with no message in work."""
        self.leave()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, lines: list[str]) -> None:
        before, self._lines = self._lines, lines
        if self._file is None or (lines == before and self._owns_file):
            return
        with contextlib.suppress(OSError):  # a full disk must not stop a worker; then no message can be blamed
            if before or not self._owns_file:  # what the previous process wrote must not stay behind shorter lines
                os.ftruncate(self._file, 0)
                self._owns_file = True
            if lines:
                os.pwrite(self._file, "\n".join([str(os.getpid()), *lines, ""]).encode("utf-8", "replace"), 0)


def open_for_component(settings: Settings, part: str) -> InWork:
    """Return the messages in work of a component. Containers of one service share the folder, so the host name tells them apart."""
    shared = settings.facts.run_folder_is_shared
    return InWork(settings.run / "in-work" / (f"{part}@{socket.gethostname()}" if shared else part))


def ended_on_purpose(settings: Settings, part: str, left: Left) -> bool:
    """Return whether a fault killed that process, so that no message is to blame."""
    since = left.at - CLOCK_SLACK_S
    if any(
        window.part == part and window.fault == "kill" and window.started_at >= since
        for window in leases.windows(settings, since)
    ):
        return True
    try:
        hits = [crash_points.read_hit(settings, part, point) for point in crash_points.POINTS]
    except LookupError:
        return False  # a worker that was started by hand, under a name of its own, has no crash points
    return any(hit is not None and hit.pid == left.pid for hit in hits)


def _read_left(path: Path) -> Left:
    """Return what the file says; no messages when it is missing, empty or incomplete."""
    try:
        text = path.read_text(encoding="utf-8")
        at = path.stat().st_mtime
        pid, *lines = text.split("\n")
        if not lines or lines.pop():
            return Left((), 0, 0.0)
        fields = [line.split("\t") for line in lines]
        return Left(tuple(MessageKey(topic, message_id, int(us)) for topic, message_id, us in fields), int(pid), at)
    except (OSError, ValueError):
        return Left((), 0, 0.0)
