"""Heals the source: judged by whether the outbox gets ahead of what is published, never by a status word alone."""

from __future__ import annotations

import logging
import time

from sqlalchemy import Engine

from connectors import source
from connectors.admin import Admin, AdminRefused, AdminUnavailable, SourceStatus
from connectors.broker import Broker
from settings import Settings
from stacks import faults, health
from stacks.health import Lag
from stacks.native import intent, provision
from workers.heartbeat import sign

log = logging.getLogger(__name__)

STANDS_STILL_S = 4.0
"""Behind and without progress for this long, with database and broker answering: it hangs."""
PAUSES_S = (10.0, 20.0, 40.0, 65.0)
"""After a restart, before the next one. It may need a minute: Debezium waits that long for an instance before it that did
not end cleanly, and restarting it again would only begin that wait anew."""
LOOK_EVERY_S = 1.0


class SourceHealer:
    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._watermark = -1
        self._still_since: float | None = None
        self._again_at = 0.0
        self._look_at = 0.0
        self._restarts = 0

    def step(self) -> None:
        """Look, at most once a second, and heal. Never raises for a part that is away: it waits for it."""
        now = time.monotonic()
        if now < max(self._look_at, self._again_at):
            return
        self._look_at = now + LOOK_EVERY_S
        if intent.read(self._settings) != "run" or self._held() or not Broker(self._settings).reachable():
            self._still_since = None
            return
        lag = health.lag(self._settings, self._engine)
        if lag.outbox_head is None:
            self._still_since = None
            return
        try:
            self._judge(lag, now)
        except (AdminUnavailable, AdminRefused, provision.ProvisionFailed) as error:
            log.warning("the source cannot be looked at or healed now: %s", error)

    def _judge(self, lag: Lag, now: float) -> None:
        with Admin(self._settings, timeout_s=10) as admin:
            status = source.status(admin)
            if status is None:
                log.error("the source is gone; creating it")
                provision.create_source(self._settings, log.info)
                self._rest(now)
            elif self._failed(status):
                self._restart(admin, f"it does not run: {status.error or 'no reason given'}", now)
            elif self._stands_still(lag, now):
                self._restart(admin, f"it stands still, {lag.capture_behind} behind the outbox", now)

    def _failed(self, status: SourceStatus) -> bool:
        return not status.running

    def _stands_still(self, lag: Lag, now: float) -> bool:
        observer = sign(self._settings, "observer")
        if not lag.capture_behind or observer is None or not observer.connected or lag.captured != self._watermark:
            # Without an observer nothing is known of what is published: no reason to restart anything.
            self._watermark = lag.captured if lag.captured is not None else -1
            self._still_since = None
            self._restarts = 0
            return False
        if self._still_since is None:
            self._still_since = now
        return now - self._still_since > STANDS_STILL_S

    def _restart(self, admin: Admin, why: str, now: float) -> None:
        log.error("restarting the source: %s", why)
        admin.source(source.SOURCE_NAME, "restart")
        self._rest(now)

    def _rest(self, now: float) -> None:
        self._still_since = None
        self._again_at = now + PAUSES_S[min(self._restarts, len(PAUSES_S) - 1)]
        self._restarts += 1

    def _held(self) -> bool:
        return bool({"source", "broker", "database"} & faults.active(self._settings).keys())
