"""Define what the captures do differently. The facts about each are in `settings.facts.capture`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from sqlalchemy import Engine

from settings import Settings
from stacks.healer import Healer
from stacks.operation import Holding
from stacks.part_health import PartHealth
from stacks.source_control import Action, SourceReport


class Capture(ABC):
    """The capture of one instance. A method that does not apply to a capture does nothing."""

    actions: ClassVar[tuple[Action, ...]]
    """What the page offers to do with it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def check(self, engine: Engine) -> PartHealth:
        """Return its health; `stacks.health` adds whether events wait for it. Raises nothing when a component is down."""

    @abstractmethod
    def report(self) -> SourceReport | None:
        """Return what its administration says, or None without one. Raises AdminUnavailable or AdminRefused."""

    @abstractmethod
    def act(self, action: Action) -> None:
        """Do one of `actions`. Raises what `stacks.source_control.run_action` or `stacks.faults.restart` raises."""

    @abstractmethod
    def stop(self) -> None:
        """Stop what does not stop with the components that an operation holds. Raises AdminUnavailable or AdminRefused."""

    @abstractmethod
    def start(self) -> None:
        """Start again what `stop` stopped, unless its user wants it stopped. Raises AdminUnavailable or AdminRefused."""

    @abstractmethod
    def lose_offsets(self, held: Holding) -> None:
        """Delete its position while it does not run. Raises AdminUnavailable, AdminRefused or DatabaseUnavailable.

        The caller holds its component.
        """

    @abstractmethod
    def healer(self, engine: Engine) -> Healer | None:
        """Return what heals it, or None when a supervisor is enough or it cannot be reached."""
