"""A sign of life a worker gives from its loop: a file whose time says when, and whose text says how it is."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from settings import Settings

EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Sign:
    connected: bool
    pid: int
    age_s: float


class Heartbeat:
    def __init__(self, settings: Settings, part: str) -> None:
        self._path = _path(settings, part)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._last: tuple[bool | None, float] = (None, 0.0)

    def beat(self, connected: bool) -> None:
        """Say so, at most every `EVERY_S` unless it changed. A disk that is full must not stop the worker."""
        before, at = self._last
        now = time.monotonic()
        if connected == before and now - at < EVERY_S:
            return
        self._last = (connected, now)
        with contextlib.suppress(OSError):
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps({"connected": connected, "pid": os.getpid()}), encoding="utf-8")
            temporary.replace(self._path)


def sign(settings: Settings, part: str) -> Sign | None:
    """The last one a part gave; None when it never did."""
    path = _path(settings, part)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Sign(values["connected"], values["pid"], time.time() - path.stat().st_mtime)
    except (OSError, ValueError, KeyError):
        return None


def _path(settings: Settings, part: str) -> Path:
    return settings.run / "heartbeat" / part
