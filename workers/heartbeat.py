"""A sign of life that a worker gives from its loop: a file whose time says when, and whose text says how it is.

A worker beats once for each message, so a sign that grows old means one message that takes too long, or a worker that
hangs. While it waits for a dependency's answer a thread beats in its place: to wait is not to hang.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from settings import Settings

EVERY_S = 0.5
LONGEST_WAIT_S = 120.0
"""No dependency's answer takes longer: their time-outs see to that. Beyond it, it is the worker that hangs."""


@dataclass(frozen=True, slots=True)
class Sign:
    connected: bool
    pid: int
    age_s: float
    busy: bool = False
    """Whether it had a message in hand then."""


class Heartbeat:
    def __init__(self, settings: Settings, part: str) -> None:
        self._path = _path(settings, part)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._last: tuple[bool | None, float] = (None, 0.0)
        self.waiting = Waiting(self)
        """`with heart.waiting:` while a dependency is asked for something that may take it long."""

    def beat(self, connected: bool, busy: bool = False) -> None:
        """Say so, at most every `EVERY_S` unless the connection changed. A disk that is full must not stop the worker."""
        before, at = self._last
        now = time.monotonic()
        if connected == before and now - at < EVERY_S:
            return
        self._last = (connected, now)
        self._write({"connected": connected, "pid": os.getpid(), "busy": busy})

    def beat_again(self) -> None:
        """In the name of a worker that waits: as it was, and busy."""
        self._write({"connected": bool(self._last[0]), "pid": os.getpid(), "busy": True})

    def _write(self, values: dict[str, bool | int]) -> None:
        with self._lock, contextlib.suppress(OSError):
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(values), encoding="utf-8")
            temporary.replace(self._path)


class Waiting:
    """A context that costs nothing while the answer comes soon."""

    def __init__(self, heart: Heartbeat) -> None:
        self._heart = heart
        self._since: float | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        self._since = time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._since = None

    def _beat(self) -> None:
        while True:
            time.sleep(EVERY_S)
            since = self._since
            if since is not None and EVERY_S < time.monotonic() - since < LONGEST_WAIT_S:
                self._heart.beat_again()


def sign(settings: Settings, part: str) -> Sign | None:
    """The last one a part gave; None when it never did."""
    path = _path(settings, part)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        age_s = time.time() - path.stat().st_mtime
        return Sign(values["connected"], values["pid"], age_s, bool(values.get("busy")))
    except (OSError, ValueError, KeyError):
        return None


def _path(settings: Settings, part: str) -> Path:
    return settings.run / "heartbeat" / part
