"""Heals `pulsar-lite` 0.2.0, which can get stuck when a consumer's process dies under load (measured under chaos).

Either it lets nobody in on that subscription any more, or it holds back what the dead consumer had until something else is
published. It answers all the while, so its own health says nothing: judged is whether its clients get in, and whether what
was published is notified of. A restart takes it a few hundredths of a second, and it keeps its messages.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from sqlalchemy import Engine

from application import leases
from connectors.broker import Broker
from db import queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from stacks import operation
from stacks.python_parts import worker_names
from stacks.supervisor import NotRunning, PartUnknown, Supervisor
from workers.heartbeat import read_heartbeat
from workers.observer_store import recently_published

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
PATIENCE_S = 4.0
"""A client gets in within a fraction of a second, and a delivery takes milliseconds."""
REST_S = 10.0
"""After a restart everybody comes back first."""
NEWEST = 500
IDLE_BEATS_S = 2.0
"""An idle worker beats more often than this; one that does not is handling a message, or ended at one."""


class BrokerHealer:
    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._look_at = 0.0
        self._locked_out: dict[tuple[str, int], float] = {}
        """Part and pid → since when that process is seen without a connection."""
        self._stuck_since: tuple[frozenset[str], float] = (frozenset(), 0.0)

    def step(self) -> None:
        """Look, at most once a second, and restart the broker where that is the cure."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        under_way = leases.active(self._settings) or operation.read(self._settings) is not None
        if under_way or not Broker(self._settings).reachable():
            self._locked_out.clear()
            self._stuck_since = (frozenset(), now)
            return
        problem = self._lockout(now) or self._standstill(now)
        if problem is not None:
            self._heal(problem, now)

    def _lockout(self, now: float) -> str | None:
        supervisor = Supervisor(self._settings)
        for part in (*worker_names(self._settings), "observer", "commands", "relay"):
            last = read_heartbeat(self._settings, part)
            try:
                alive = last is not None and supervisor.pid(part) == last.pid
            except (NotRunning, PartUnknown):
                alive = False
            if last is None:
                continue
            if not alive or last.connected:
                self._locked_out.pop((part, last.pid), None)
            elif now - self._locked_out.setdefault((part, last.pid), now) > PATIENCE_S:
                return f"{part} is not let in"
        return None

    def _standstill(self, now: float) -> str | None:
        missing = frozenset() if self._at_work() else self._missing()
        before, since = self._stuck_since
        if not missing or not missing & before:
            self._stuck_since = (missing, now)
            return None
        self._stuck_since = (missing & before, since)
        return f"{len(missing)} events are not delivered" if now - since > PATIENCE_S else None

    def _at_work(self) -> bool:
        """Whether a worker has a message in hand, or is just starting: then what is missing may be on its way."""
        signs = [read_heartbeat(self._settings, part) for part in worker_names(self._settings)]
        return any(last is None or last.busy or last.age_s > IDLE_BEATS_S for last in signs)

    def _missing(self) -> frozenset[str]:
        """Of the newest events that were published, those that are neither notified of nor dead-lettered."""
        published = recently_published(self._settings.observer_store, NEWEST)
        with (
            suppress(DatabaseUnavailable),
            translated(),
            self._engine.connect().execution_options(**READ) as connection,
        ):
            return frozenset(queries.unsettled(connection, published))
        return frozenset()

    def _heal(self, problem: str, now: float) -> None:
        log.error("pulsar-lite is stuck, it is restarted: %s", problem)
        with suppress(NotRunning, PartUnknown):
            Supervisor(self._settings).restart_part("broker")
        self._locked_out.clear()
        self._stuck_since = (frozenset(), now)
        self._look_at = now + REST_S
