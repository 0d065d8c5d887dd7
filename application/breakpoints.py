"""Hold events at breakpoints and let one pass at a time, so that each step of the path can be looked at.

A lease of the kind `step` sets a breakpoint; when it expires, everything passes again. The component says in a file which
events wait, and takes a file as the permission to let the first of them pass.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from application import leases
from application.components import find_component
from settings import Settings
from settings.shared_files import hand_over

Name = Literal["capture", "delivery", "acknowledgement"]
NAMES: tuple[Name, ...] = get_args(Name)
"""Before an outbox row is published, before a message is processed, before it is acknowledged: the order of the path."""


@dataclass(frozen=True, slots=True)
class Held:
    """What waits at a breakpoint."""

    name: Name
    event_ids: tuple[str, ...]
    """In the order in which they will pass."""


class Breakpoint:
    """A breakpoint in the component that stops there. While it is not set, it costs one look for a file."""

    def __init__(self, settings: Settings, name: Name) -> None:
        self._settings = settings
        self._name: Name = name
        self._shown: tuple[str, ...] = ()

    @property
    def is_set(self) -> bool:
        return leases.read(self._settings, self._name, "step") is not None

    def takes_permission(self) -> bool:
        """Return whether one event may pass, once for each permission."""
        try:
            _file(self._settings, self._name, "permission").unlink()
        except OSError:
            return False
        return True

    def show(self, event_ids: Sequence[str]) -> None:
        """Say which events wait here. A full disk must not stop the component."""
        if tuple(event_ids) != self._shown:
            self._shown = tuple(event_ids)
            _write(self._settings, self._name, "held", {"pid": os.getpid(), "event_ids": list(event_ids)})


def list_names(settings: Settings) -> tuple[Name, ...]:
    """Return the breakpoints of this stack. A connector's process is not ours, so nothing can be held in it."""
    is_ours = not find_component(settings.facts.capture.component).is_connector
    return NAMES if is_ours else NAMES[1:]


def are_set(settings: Settings) -> bool:
    """Return whether events are held."""
    return any(leases.read(settings, name, "step") is not None for name in NAMES)


def read_held(settings: Settings) -> list[Held]:
    """Return what waits at each breakpoint that is set, in the order of the path."""
    return [
        Held(name, _read_event_ids(settings, name))
        for name in list_names(settings)
        if leases.read(settings, name, "step") is not None
    ]


def permit(settings: Settings, name: Name) -> None:
    """Let one event pass a breakpoint."""
    _write(settings, name, "permission", {})


def withdraw_permissions(settings: Settings) -> None:
    """Withdraw what was permitted and not used."""
    for name in NAMES:
        _file(settings, name, "permission").unlink(missing_ok=True)


def _read_event_ids(settings: Settings, name: Name) -> tuple[str, ...]:
    if _file(settings, name, "permission").exists():
        return ()  # the first of them is about to pass; the component then says what waits
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return tuple(json.loads(_file(settings, name, "held").read_text(encoding="utf-8"))["event_ids"])
    return ()


def _write(settings: Settings, name: Name, kind: str, values: dict[str, object]) -> None:
    path = _file(settings, name, kind)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(values), encoding="utf-8")
        hand_over(temporary)
        temporary.replace(path)


def _file(settings: Settings, name: Name, kind: str) -> Path:
    return settings.run / "leases" / f"{name}.{kind}"
