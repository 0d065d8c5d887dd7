"""Repair what an interrupted command left: an unfinished operation, and stopped components."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from settings import Settings
from stacks import operation
from stacks.supervisor import NotRunning, PartUnknown, Supervisor

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5.0
"""Pause between two attempts of a recovery, in which a missing dependency may become available."""
STOPPED_FOR_S = 5.0
"""A command that stops a component to start it again needs less time than this."""
DOWN = ("STOPPED", "EXITED", "FATAL")
"""States in which supervisord does not start a process by itself."""


class Keeper:
    def __init__(self, settings: Settings, recover: Callable[[], None]) -> None:
        self._settings = settings
        self._recover = recover
        self._next_recovery_at = 0.0
        self._down_since: dict[str, float] = {}

    def step(self) -> None:
        """Check once. Does not raise when the supervisor does not answer."""
        now = time.monotonic()
        if now >= self._next_recovery_at and (journal := operation.find_abandoned(self._settings)) is not None:
            log.error("a %s was interrupted; completing or undoing it", journal.operation)
            self._next_recovery_at = now + RETRY_AFTER_S
            self._recover()
        with contextlib.suppress(NotRunning, PartUnknown):
            self._start_stopped(now)

    def _start_stopped(self, now: float) -> None:
        supervisor = Supervisor(self._settings)
        down_components = {state.name for state in supervisor.states() if state.state in DOWN}
        stopping = (self._settings.run / "stopping").exists()
        self._down_since = {} if stopping else {part: self._down_since.get(part, now) for part in down_components}
        for part, since in self._down_since.items():
            if now - since > STOPPED_FOR_S:
                log.error("%s was stopped and not started again; starting it", part)
                supervisor.start_part(part)
