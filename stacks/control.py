"""What every way of running the parts can do: `supervisord` here, Docker in `stacks.compose`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class PartUnknown(Exception):
    """The instance has no such part, or it is not running."""


class NotRunning(Exception):
    """Nothing of this instance runs."""


@dataclass(frozen=True, slots=True)
class PartState:
    name: str
    state: str
    """supervisord's word: RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL."""
    pid: int
    started_at: int
    """Seconds since the epoch."""
    spawn_error: str


class Control(Protocol):
    """The parts of one instance. A part is named as `./alpes status` names it, whatever runs it."""

    def running(self) -> bool:
        """Whether anything of the instance runs; False as well where that cannot be asked."""

    def states(self) -> list[PartState]:
        """Every part. Raises NotRunning."""

    def pid(self, part: str) -> int:
        """The part's process id, 0 while it has none. Raises PartUnknown or NotRunning."""

    def stop_part(self, part: str) -> None:
        """Stop it in good order; one that is stopped stays so. Raises PartUnknown or NotRunning."""

    def start_part(self, part: str) -> None:
        """Start it; one that runs goes on. Raises PartUnknown or NotRunning."""

    def restart_part(self, part: str) -> None:
        """End it in good order; it is started again, whatever becomes of the caller. Raises PartUnknown or NotRunning."""

    def hold_part(self, part: str) -> None:
        """End it; it stays away while the journal of an operation names it (stacks.operation). Raises PartUnknown or NotRunning."""

    def release_part(self, part: str) -> None:
        """Let it start again, once the journal is gone. Raises PartUnknown or NotRunning."""

    def kill(self, part: str) -> None:
        """SIGKILL, now; it is started again by itself once no lease holds it. Raises PartUnknown or NotRunning."""

    def memory_mb(self) -> dict[str, float]:
        """Megabytes of each part that runs, as measured now; a part that could not be measured is left out."""

    def log_names(self) -> list[str]:
        """Parts that have a log."""

    def log(self, part: str, lines: int, follow: bool) -> Iterator[str]:
        """The last lines, each with its end; with `follow` also what is added, without end. Raises PartUnknown."""
