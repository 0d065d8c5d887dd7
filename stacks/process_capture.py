"""Control a capture that is a component of the instance: it is held, restarted and judged as every other one."""

from __future__ import annotations

from typing import ClassVar

from stacks import faults
from stacks.capture import Capture
from stacks.source_control import Action


class ProcessCapture(Capture):
    actions: ClassVar[tuple[Action, ...]] = ("restart",)

    def report(self) -> None:
        """Return None: its health says everything."""

    def act(self, action: Action) -> None:
        faults.restart(self.settings, self.settings.facts.capture.component)

    def stop(self) -> None:
        """Do nothing: it is a component, and held as one."""

    def start(self) -> None:
        """Do nothing: it starts when it is not held any more."""

    def restore_configuration(self) -> None:
        """Do nothing: it reads its configuration when it starts, and takes no snapshots."""
