"""Define crash points: named places in the code where a process can be told to end by SIGKILL, once.

A file arms a point for one component. Only the holder of the control token can create the file; without a token there are no
points. A component needs only a key that is derived from the token: it recognizes the file by it, and can control nothing
with it. The process that reaches an armed point records that it did, and ends before its next statement.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from application.components import is_process_name
from application.permissions import Action, require
from settings import Settings
from settings.shared_files import replace_text

POINTS = (
    "command.state_written",
    "command.outbox_written",
    "command.committed",
    "notifications.committed",
    "notifications.retrying",
    "audit.half_appended",
)
"""The names of the points; the messages `point.NAME` of `scenarios.messages` say what is done and what is not at each."""


@dataclass(frozen=True, slots=True)
class Hit:
    pid: int
    at: float
    """Seconds since the epoch."""


class CrashPoints:
    """The points of one component. Reaching a point costs one check whether a file exists."""

    def __init__(self, settings: Settings, part: str) -> None:
        self._settings = settings
        self._part = part
        self._is_in_force = is_process_name(part) and bool(key(settings))

    def reached(self, point: str) -> None:
        """End this process if the point is armed."""
        if not self._is_in_force:
            return
        armed = _armed_file(self._settings, self._part, point)
        if not armed.exists() or not hmac.compare_digest(armed.read_text(), _seal(self._settings, self._part, point)):
            return
        armed.unlink()
        _hit_file(self._settings, self._part, point).write_text(json.dumps({"pid": os.getpid(), "at": time.time()}))
        os.kill(os.getpid(), signal.SIGKILL)


def key(settings: Settings) -> str:
    """Return the hexadecimal key by which a component recognizes an armed point; empty when no point can be armed."""
    token = settings.control_token.get_secret_value()
    if not token:
        return settings.crash_key.get_secret_value()
    return hmac.new(token.encode(), b"crash points", "sha256").hexdigest()


def of_this_process(settings: Settings) -> CrashPoints:
    """Return the points of this process's component; a process that is no component has none."""
    return CrashPoints(settings, os.environ.get("ALPES_PART", ""))


def arm(settings: Settings, part: str, point: str, token: str) -> None:
    """Arm a point. Raise LookupError for an unknown point or component, PermissionError without the control token, or Forbidden."""
    require(settings, Action.INJECT_FAULTS)
    armed = _armed_file(settings, part, point)
    control_token = settings.control_token.get_secret_value()
    if not control_token or not hmac.compare_digest(token.encode(), control_token.encode()):
        raise PermissionError("arming a crash point needs the control token of the instance")
    _hit_file(settings, part, point).unlink(missing_ok=True)
    replace_text(armed, _seal(settings, part, point))


def disarm(settings: Settings, part: str, point: str) -> None:
    """Disarm a point; do nothing when it is not armed. Raise LookupError for an unknown point or component."""
    _armed_file(settings, part, point).unlink(missing_ok=True)


def read_hit(settings: Settings, part: str, point: str) -> Hit | None:
    """Return which process reached the point after it was armed, and when; None while none did.

    Raise LookupError for an unknown point or component.
    """
    try:
        return Hit(**json.loads(_hit_file(settings, part, point).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _seal(settings: Settings, part: str, point: str) -> str:
    return hmac.new(key(settings).encode(), f"{part}.{point}".encode(), "sha256").hexdigest()


def _armed_file(settings: Settings, part: str, point: str) -> Path:
    if point not in POINTS:
        raise LookupError(f"there is no crash point {point!r}; use one of {', '.join(POINTS)}")
    if not is_process_name(part):
        raise LookupError(f"there is no component {part!r}")
    return settings.run / "crash" / f"{part}.{point}"


def _hit_file(settings: Settings, part: str, point: str) -> Path:
    armed = _armed_file(settings, part, point)
    return armed.with_name(f"{armed.name}.hit")
