"""Brings back what a command that was cut short left: an operation half done, and parts that were stopped."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from settings import Settings
from stacks import operation
from stacks.supervisor import NotRunning, PartUnknown, Supervisor

log = logging.getLogger(__name__)

AGAIN_AFTER_S = 5.0
"""What a recovery waited for may have come back by then."""
STOPPED_FOR_S = 5.0
"""Whoever stops a part to start it again does so sooner."""
DOWN = ("STOPPED", "EXITED", "FATAL")
"""States of supervisord in which nothing is started by itself."""


class Keeper:
    def __init__(self, settings: Settings, recover: Callable[[], None]) -> None:
        self._settings = settings
        self._recover = recover
        self._again_at = 0.0
        self._down_since: dict[str, float] = {}

    def step(self) -> None:
        """Look once. Never raises for a supervisor that is away."""
        now = time.monotonic()
        if now >= self._again_at and (journal := operation.abandoned(self._settings)) is not None:
            log.error("a %s was cut short; it is completed or undone", journal.operation)
            self._again_at = now + AGAIN_AFTER_S
            self._recover()
        with contextlib.suppress(NotRunning, PartUnknown):
            self._start_stopped(now)

    def _start_stopped(self, now: float) -> None:
        supervisor = Supervisor(self._settings)
        down = {state.name for state in supervisor.states() if state.state in DOWN}
        stopping = (self._settings.run / "stopping").exists()
        self._down_since = {} if stopping else {part: self._down_since.get(part, now) for part in down}
        for part, since in self._down_since.items():
            if now - since > STOPPED_FOR_S:
                log.error("%s was stopped, and nobody started it again; starting it", part)
                supervisor.start_part(part)
