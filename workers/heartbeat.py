"""Write and read heartbeats: files whose modification time says when a worker was alive, and whose text says its state.

A worker writes its heartbeat once for each message, so an old heartbeat means that one message takes too long or that
the worker is hung. While the worker waits for a dependency, a thread writes it instead: waiting is not hanging.
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

from application import stalls
from application.components import REPLAY
from settings import Settings

EVERY_S = 0.5
IDLE_BEATS_S = 2.0
"""An idle worker writes its heartbeat more often. One that does not is processing a message, or died while doing so."""
LONGEST_WAIT_S = 120.0
"""Every dependency times out sooner. A worker that waits longer than this is hung."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The last heartbeat of a component."""

    connected: bool
    pid: int
    age_s: float
    """Seconds since it was written, without those in which the reading process stood still: the machine was suspended, say."""
    busy: bool = False
    """Whether the worker was processing a message."""
    clock_ahead_s: float = 0.0
    """How far the process's clock is ahead of the clock that dates the file; negative when it is behind."""
    reached_us: int | None = None
    """When the newest message that it has processed was published, in microseconds since the epoch; None: it does not say."""

    @property
    def is_idle(self) -> bool:
        """Whether the worker runs and has no message to process."""
        return not self.busy and self.age_s <= IDLE_BEATS_S


class Heartbeat:
    """The writing side, in the worker's process."""

    def __init__(self, settings: Settings, part: str) -> None:
        self._path = heartbeat_file(settings, part)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._last: tuple[bool | None, float] = (None, 0.0)
        self._reached_us: int | None = None
        self.waiting = Waiting(self)
        """Use `with heart.waiting:` around a request to a dependency that may answer slowly."""

    def beat(self, connected: bool, busy: bool = False, reached_us: int | None = None) -> None:
        """Write the heartbeat, at most every `EVERY_S` unless `connected` changed. A full disk must not stop the worker."""
        before, at = self._last
        now = time.monotonic()
        if connected == before and now - at < EVERY_S:
            return
        self._last = (connected, now)
        self._reached_us = reached_us
        self._write({"connected": connected, "pid": os.getpid(), "busy": busy})

    def beat_again(self) -> None:
        """Write the last heartbeat again, as busy, for a worker that waits."""
        self._write({"connected": bool(self._last[0]), "pid": os.getpid(), "busy": True})

    def _write(self, values: dict[str, bool | int | float]) -> None:
        with self._lock, contextlib.suppress(OSError):
            temporary = self._path.with_suffix(".tmp")
            values = values | {"at": time.time()}
            reached = {} if self._reached_us is None else {"reached_us": self._reached_us}
            temporary.write_text(json.dumps(values | reached), encoding="utf-8")
            temporary.replace(self._path)


class Waiting:
    """A context in which a thread writes the heartbeat, once the wait is longer than `EVERY_S`."""

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


def read_heartbeat(settings: Settings, part: str) -> Beat | None:
    """Return the last heartbeat of a component, None when there is none."""
    path = heartbeat_file(settings, part)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        written_at = path.stat().st_mtime
        return Beat(
            connected=values["connected"],
            pid=values["pid"],
            age_s=_awake_s(time.time() - written_at),
            busy=bool(values.get("busy")),
            clock_ahead_s=values.get("at", written_at) - written_at,
            reached_us=values.get("reached_us"),
        )
    except (OSError, ValueError, KeyError):
        return None


def _awake_s(age_s: float) -> float:
    return age_s - stalls.stalled_since(stalls.now() - age_s)


def list_replays(settings: Settings) -> list[str]:
    """Return the names of the replays that have written a heartbeat and not removed it yet."""
    return sorted(path.name for path in heartbeat_file(settings, REPLAY).parent.glob(f"{REPLAY}-*") if not path.suffix)


def heartbeat_file(settings: Settings, part: str) -> Path:
    """Return the file of a component's heartbeat."""
    return settings.run / "heartbeat" / part
