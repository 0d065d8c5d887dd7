"""The types that say how a component is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of every component."""


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised process."""

    name: str
    command: Command
    priority: int = 500
    """Lower starts first and stops last."""
    stop_wait_s: int = 8
    waits_for: Path | None = None
    """A file without which it does not start."""
    waits_while: Path | None = None
    """While this file exists, the component does not start."""
