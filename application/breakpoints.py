"""Hold events at breakpoints and let one pass at a time, so that each step of the path can be looked at.

A lease of the kind `step` sets a breakpoint; when it expires, everything passes again. The component says in a file which
events wait, and takes a file as the permission to let the first of them pass.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from application import leases
from application.components import find_component, worker_names
from settings import Settings
from settings.shared_files import replace_text

Name = Literal["capture", "delivery", "acknowledgement"]
NAMES: tuple[Name, ...] = get_args(Name)
"""Before an outbox row is published, before a message is processed, before it is acknowledged: the order of the path."""


@dataclass(frozen=True, slots=True)
class Held:
    """What waits at a breakpoint in one component."""

    name: Name
    part: str
    count: int
    event_id: str
    """The event that passes next; a message that carries none is named by its own id. Empty when nothing waits."""


class Breakpoint:
    """A breakpoint in the component that stops there. While it is not set, it costs one look for a file."""

    def __init__(self, settings: Settings, name: Name, part: str) -> None:
        self._settings = settings
        self._name: Name = name
        self._part = part
        self._lease = leases.LeaseReader(settings, name, "step")
        self._written: tuple[int, str] | None = None
        """What is in the file; None: what the component's previous process left there."""

    @property
    def is_set(self) -> bool:
        return self._lease.read() is not None

    def takes_permission(self) -> bool:
        """Return whether one event may pass, once for each permission."""
        try:
            _file(self._settings, self._name, self._part, "permission").unlink()
        except OSError:
            return False
        return True

    def show(self, count: int, event_id: str = "") -> None:
        """Say how many events wait here, and which passes next. A full disk must not stop the component."""
        if (count, event_id) != self._written:
            self._written = count, event_id
            path = _file(self._settings, self._name, self._part, "held")
            with contextlib.suppress(OSError):
                replace_text(path, json.dumps({"count": count, "event_id": event_id}))


def list_names(settings: Settings) -> tuple[Name, ...]:
    """Return the breakpoints of this stack. Nothing can be held in a capture that is no program of ours."""
    is_ours = bool(find_component(settings.facts.capture.component).module)
    return NAMES if is_ours else NAMES[1:]


def are_set(settings: Settings) -> bool:
    """Return whether events are held."""
    return any(leases.read(settings, name, "step") is not None for name in NAMES)


def read_held(settings: Settings) -> list[Held]:
    """Return what waits at each breakpoint that is set, in the order of the path; nothing while step mode is off."""
    return [
        _read(settings, name, part)
        for name in list_names(settings)
        if leases.read(settings, name, "step") is not None
        for part in _list_parts(settings, name)
    ]


def permit(settings: Settings, name: Name, part: str) -> None:
    """Let the first event that waits there pass. Raises OSError."""
    replace_text(_file(settings, name, part, "permission"), "")


def withdraw_permissions(settings: Settings) -> None:
    """Withdraw what was permitted and not used."""
    for path in _folder(settings).glob("*.permission"):
        path.unlink(missing_ok=True)


def _list_parts(settings: Settings, name: Name) -> list[str]:
    return [settings.facts.capture.component] if name == "capture" else worker_names(settings)


def _read(settings: Settings, name: Name, part: str) -> Held:
    if not _file(settings, name, part, "permission").exists():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(_file(settings, name, part, "held").read_text(encoding="utf-8"))
            return Held(name, part, int(values["count"]), str(values["event_id"]))
    return Held(name, part, 0, "")  # one is about to pass; the component then says what waits


def _file(settings: Settings, name: Name, part: str, kind: str) -> Path:
    return _folder(settings) / f"{name}.{part}.{kind}"


def _folder(settings: Settings) -> Path:
    return settings.run / "leases"
