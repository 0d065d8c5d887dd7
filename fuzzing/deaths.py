"""Count the components of an instance that died: those whose process id changed."""

from __future__ import annotations

import time
from contextlib import suppress

from stacks.control import Control, NotRunning

POLL_EVERY_S = 1.0
"""A component needs longer than this to start again, so nearly every death is noticed."""


class DeathCounter:
    def __init__(self, control: Control) -> None:
        self._control = control
        self._pids: dict[str, int] = {}
        self._next_check_at = 0.0
        self.died: list[str] = []
        """Names of components, once for each death."""
        self.check()

    def check(self, at_once: bool = False) -> list[str]:
        """Return the components that died since the last check. Checks at most every POLL_EVERY_S, unless `at_once`."""
        if time.monotonic() < self._next_check_at and not at_once:
            return []
        self._next_check_at = time.monotonic() + POLL_EVERY_S
        died = []
        with suppress(NotRunning):
            for state in self._control.states():
                known_pid = self._pids.get(state.name)
                if known_pid and known_pid != state.pid:
                    died.append(state.name)
                self._pids[state.name] = state.pid
        self.died += died
        return died
