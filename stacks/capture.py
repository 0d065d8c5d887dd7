"""Define what the captures do differently. The facts about each are in `settings.facts.capture`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from sqlalchemy import Engine

from application import permissions
from settings import Settings
from stacks.healer import Healer
from stacks.native.diagnosis import Cure
from stacks.operation import Holding, Say
from stacks.part_health import PartHealth
from stacks.source_control import Action, Finding, SourceReport, make_refusal


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
    def restore_configuration(self) -> None:
        """Let every row be in its snapshots again, after `resnapshot` was interrupted. Raises what `act` raises."""

    @abstractmethod
    def lose_offsets(self, held: Holding) -> None:
        """Delete its position while it does not run. Raises AdminUnavailable, AdminRefused or DatabaseUnavailable.

        The caller holds its component.
        """

    def examine(self) -> Finding:
        """Return what is wrong with it and what cures it. Raises NoSource where it is not Debezium, AdminUnavailable or AdminRefused."""
        raise make_refusal(self.settings)

    def cure(self, finding: Finding, say: Say) -> bool:
        """Apply the cure of a finding, and return whether there is one. Raises Forbidden, and what `act` and `resnapshot` raise."""
        permissions.require(self.settings, permissions.Action.CONTROL_SOURCE)
        match finding.cure:
            case Cure.RESTART:
                self.act("restart")
            case Cure.CREATE:
                self.act("create")
            case Cure.RESNAPSHOT:
                self.resnapshot(say)
            case _:
                return False
        return True

    def resnapshot(self, say: Say, first_seq: int | None = None) -> None:
        """Let it publish every outbox row again, or those with `seq >= first_seq` only.

        Raises NoSource where it is not Debezium, Forbidden, Busy, what `act` raises, or what `stacks.selected_snapshot.take` raises.
        """
        raise make_refusal(self.settings)

    def lose_history(self) -> None:
        """Delete its schema history while it is stopped. Raises NoSource where it has none, AdminUnavailable or AdminRefused."""
        raise make_refusal(self.settings)

    def read_binlog_file(self) -> str:
        """Return the binlog file of its stored position; empty when none is stored. Raises NoSource or AdminUnavailable."""
        raise make_refusal(self.settings)

    @abstractmethod
    def healer(self, engine: Engine) -> Healer | None:
        """Return what heals it, or None when a supervisor is enough or it cannot be reached."""
