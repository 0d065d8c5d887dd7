"""Restart Debezium Server when the outbox grows and it publishes nothing, although its process runs.

The supervisor starts it again when it ends, which it does at most errors. What is left is a process that hangs.
"""

from __future__ import annotations

import logging
import time

from sqlalchemy import Engine

from connectors.broker import Broker
from settings import Settings
from settings.stack_facts import DEBEZIUM_SERVER
from stacks import faults, operation
from stacks.control import NotRunning, PartUnknown
from stacks.controls import control
from stacks.lag import read_lag
from stacks.native.provision import provisioned_marker
from workers.heartbeat import read_heartbeat

log = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""It starts and reads on within about ten seconds, on a busy machine in twenty."""
LONGEST_WAIT_S = 240.0
"""After each restart that did not help, the patience is doubled, up to this."""
LOOK_EVERY_S = 1.0


class ServerHealer:
    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._captured: int | None = None
        self._patience_s = PATIENCE_S
        self._since: float | None = None
        self._look_at = 0.0

    def step(self) -> None:
        """Check it, at most once a second, and restart it when it hangs. Raises nothing."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        if not self._may_judge() or not self._stands_still():
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since > self._patience_s:
            self._restart()

    def _may_judge(self) -> bool:
        """Return False while it is being started, is held, or lacks a dependency."""
        held = {DEBEZIUM_SERVER.component, "broker", "database"} & faults.active(self._settings).keys()
        return (
            provisioned_marker(self._settings).exists()
            and not held
            and operation.read(self._settings) is None
            and Broker(self._settings).reachable()
        )

    def _stands_still(self) -> bool:
        """Return whether rows wait for it and none was captured since the last look."""
        lag = read_lag(self._settings, self._engine)
        if lag.outbox_head is None:
            return False
        has_advanced = lag.captured != self._captured
        if has_advanced:
            self._patience_s = PATIENCE_S
        self._captured = lag.captured
        observer = read_heartbeat(self._settings, "observer")
        # Without an observer that has recorded everything, nobody knows what is published.
        is_observed = observer is not None and observer.connected and observer.is_idle
        return bool(lag.capture_behind) and not has_advanced and is_observed

    def _restart(self) -> None:
        log.error("restarting Debezium Server: rows wait for it, and it has captured none for %.0f s", self._patience_s)
        self._since = None
        self._patience_s = min(2 * self._patience_s, LONGEST_WAIT_S)
        try:
            control(self._settings).restart_part(DEBEZIUM_SERVER.component)
        except (NotRunning, PartUnknown) as error:
            log.warning("it cannot be restarted now: %s", error)
