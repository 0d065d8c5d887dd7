"""Heal the source when the outbox grows and it publishes nothing, also when it reports that it runs.

A source that reads old events again makes no progress for a while and still works; a restart would only make it begin again.
So it is not restarted while it writes anything.
"""

from __future__ import annotations

import logging
import time

from sqlalchemy import Engine

from connectors import source
from connectors.admin import Admin, AdminRefused, AdminUnavailable, SourceStatus
from connectors.broker import Broker
from settings import Settings
from stacks import faults, operation
from stacks.lag import Lag, read_lag
from stacks.native import intent, provision
from workers.heartbeat import read_heartbeat

log = logging.getLogger(__name__)

PATIENCE_BY_HAND_S = 30.0
"""On compose, before a missing source is created: replacing it by hand takes two starts of a JVM."""
PATIENCE_S = 10.0
"""A source that failed, or lags without progress, for this long while database and broker answer does not recover by itself."""
STARTS_WITHIN_S = 15.0
"""A source that was created or restarted reads within a few seconds; on a busy machine it takes longer."""
LONGEST_WAIT_S = 240.0
"""After each restart that did not help, the wait is doubled, up to this."""
LOOK_EVERY_S = 1.0
RESTARTED_WITHIN_S = 60.0
"""Pulsar answers a restart when the old instance has ended, or after it has waited for that for about ten seconds."""


class SourceHealer:
    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._captured: int | None = None
        self._written = 0
        self._wait_s = STARTS_WITHIN_S
        self._since: float | None = None
        self._again_at = 0.0
        self._look_at = 0.0
        self._obstacle = ""
        """Why it could not be looked at the last time; empty once it could."""

    def step(self) -> None:
        """Check the source, at most once a second, and heal it. Waits for unavailable dependencies and raises nothing."""
        now = time.monotonic()
        if now < max(self._look_at, self._again_at):
            return
        self._look_at = now + LOOK_EVERY_S
        if not self._may_judge():
            self._since = None
            return
        try:
            with Admin(self._settings, timeout_s=RESTARTED_WITHIN_S) as admin:
                self._judge(admin, now)
        except (AdminUnavailable, AdminRefused, provision.ProvisionFailed) as error:
            if str(error) != self._obstacle:  # it is asked every second
                log.warning("the source cannot be looked at or healed now: %s", error)
            self._obstacle = str(error)
        else:
            self._obstacle = ""

    def _may_judge(self) -> bool:
        """Return False while the source is being created, was stopped on purpose, or lacks a dependency."""
        held = {"source", "broker", "database"} & faults.active(self._settings).keys()
        return (
            provision.provisioned_marker(self._settings).exists()
            and intent.read(self._settings) == "run"
            and time.time() - intent.said_at(self._settings) > STARTS_WITHIN_S
            and not held
            and operation.read(self._settings) is None
            and Broker(self._settings).reachable()
        )

    def _judge(self, admin: Admin, now: float) -> None:
        lag = read_lag(self._settings, self._engine)
        if lag.outbox_head is None:
            self._since = None
            return
        status = source.status(admin, self._settings.source_name)
        problem = self._problem(status, lag)
        if problem is None:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since > self._patience(status):
            self._heal(admin, status, problem, now)

    def _patience(self, status: SourceStatus | None) -> float:
        return PATIENCE_BY_HAND_S if status is None and self._settings.facts.source_is_replaced_by_hand else PATIENCE_S

    def _problem(self, status: SourceStatus | None, lag: Lag) -> str | None:
        if status is None:
            return "it is gone"
        if not status.running:
            return f"it does not run: {status.error or 'no reason given'}"
        advanced = (lag.captured, status.written) != (self._captured, self._written)
        if lag.captured != self._captured:
            self._wait_s = STARTS_WITHIN_S
        self._captured, self._written = lag.captured, status.written
        observer = read_heartbeat(self._settings, "observer")
        if not lag.capture_behind or advanced or observer is None or not observer.connected:
            return None  # without an observer nobody knows what is published, which is no reason for a restart
        if not observer.is_idle:
            return None  # it has messages that it could not record yet
        return f"it makes no progress and has not captured {lag.capture_behind} outbox rows"

    def _heal(self, admin: Admin, status: SourceStatus | None, problem: str, now: float) -> None:
        log.error("healing the source: %s", problem)
        self._since = None
        self._again_at = now + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        if status is None:
            provision.create_source(self._settings, log.info)
        else:
            admin.source(self._settings.source_name, "restart")
