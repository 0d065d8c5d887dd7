"""The interface of what runs the components: `supervisord` on this machine, or Docker in `stacks.compose`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from domain.errors import ExpectedError


class PartUnknown(ExpectedError):
    """The instance has no such component, or the component is not running."""


class NotRunning(ExpectedError):
    """No process of this instance is running."""


@dataclass(frozen=True, slots=True)
class PartState:
    name: str
    state: str
    """supervisord's state: RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL."""
    pid: int
    started_at: int
    """Seconds since the epoch."""
    spawn_error: str


class Control(Protocol):
    """The components of one instance, by their names in `./alpes status`.

    Methods with a `part` raise PartUnknown or NotRunning.
    """

    def running(self) -> bool:
        """Return whether any component runs; False also when that cannot be found out."""

    def states(self) -> list[PartState]:
        """Return the state of every component. Raises NotRunning."""

    def pid(self, part: str) -> int:
        """Return the process id of a component, 0 while it has none."""

    def stop_part(self, part: str) -> None:
        """Stop a component with SIGTERM. A stopped component stays stopped."""

    def start_part(self, part: str) -> None:
        """Start a component. A running component continues."""

    def restart_part(self, part: str) -> None:
        """End a component with SIGTERM. It is started again even if this process ends."""

    def hold_part(self, part: str) -> None:
        """End a component. It does not start while the journal of an operation names it (see stacks.operation)."""

    def release_part(self, part: str) -> None:
        """Let a held component start again after the journal was removed."""

    def kill(self, part: str) -> None:
        """Kill a component with SIGKILL. It is started again as soon as no lease holds it."""

    def memory_mb(self) -> dict[str, float]:
        """Return the megabytes of each running component; one that could not be measured is left out."""

    def log_names(self) -> list[str]:
        """Return the names of the components that have a log."""

    def log(self, part: str, lines: int, follow: bool) -> Iterator[str]:
        """Yield the last lines, each with its line end; with `follow`, yield new lines too, without end."""
