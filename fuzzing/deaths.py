"""Counts the processes of an instance that ended while nobody asked them to: a part whose process id changed."""

from __future__ import annotations

from contextlib import suppress

from stacks.control import Control, NotRunning


class Deaths:
    def __init__(self, control: Control) -> None:
        self._control = control
        self._pids: dict[str, int] = {}
        self.died: list[str] = []
        """Names of parts, once for each death."""
        self.look()

    def look(self) -> list[str]:
        """The parts that died since the last look."""
        died = []
        with suppress(NotRunning):
            for state in self._control.states():
                before = self._pids.get(state.name)
                if before and before != state.pid:
                    died.append(state.name)
                self._pids[state.name] = state.pid
        self.died += died
        return died
