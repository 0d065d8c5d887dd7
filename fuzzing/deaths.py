"""Counts the processes of an instance that ended while nobody asked them to: a part whose process id changed."""

from __future__ import annotations

import time
from contextlib import suppress

from stacks.control import Control, NotRunning

LOOK_EVERY_S = 1.0
"""A part takes longer than this to come back, so that hardly a death is missed."""


class Deaths:
    def __init__(self, control: Control) -> None:
        self._control = control
        self._pids: dict[str, int] = {}
        self._look_at = 0.0
        self.died: list[str] = []
        """Names of parts, once for each death."""
        self.look()

    def look(self, now: bool = False) -> list[str]:
        """The parts that died since the last look, which was at least LOOK_EVERY_S ago; else none, unless `now`."""
        if time.monotonic() < self._look_at and not now:
            return []
        self._look_at = time.monotonic() + LOOK_EVERY_S
        died = []
        with suppress(NotRunning):
            for state in self._control.states():
                before = self._pids.get(state.name)
                if before and before != state.pid:
                    died.append(state.name)
                self._pids[state.name] = state.pid
        self.died += died
        return died
