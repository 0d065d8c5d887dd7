"""Define what the watcher calls again and again to heal what a supervisor cannot."""

from __future__ import annotations

from typing import Protocol


class Healer(Protocol):
    def step(self) -> None:
        """Check once, and heal. Raises nothing."""
