"""Heal `pulsar-lite` 0.2.0, which can get stuck when a consumer's process dies under load (measured under chaos).

Either it refuses new consumers of that subscription, or it keeps the messages of the dead consumer until another message
is published. It still answers, so its own health says nothing. The healer checks whether all clients can connect (also
those of a replay), and whether published events get their notifications. A restart takes a few hundredths of a second and
keeps the messages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import psutil
from sqlalchemy import Engine

from application import leases
from application.components import select_names, worker_names
from connectors.broker import Broker
from db import queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from domain.clock import utc_now
from settings import Settings
from stacks import operation
from stacks.supervisor import NotRunning, PartUnknown, Supervisor
from workers import observer_lookups
from workers.heartbeat import list_replays, read_heartbeat

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
PATIENCE_S = 4.0
"""A client connects within a fraction of a second, and a delivery takes milliseconds."""
AFTER_RESTART_S = 10.0
"""Pause after a restart, in which all clients connect again."""
NEWEST = 500
RECENT_S = 60.0
"""How long the observer's part of a delivery is looked for; a message that is lost must not restart the broker for ever."""


class BrokerHealer:
    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._next_check_at = 0.0
        self._locked_out: dict[tuple[str, int], float] = {}
        """(component or replay, pid) → time since which that process has had no connection."""
        self._stuck_since: tuple[frozenset[str], float] = (frozenset(), 0.0)

    def step(self) -> None:
        """Check the broker, at most once a second, and restart it if it is stuck."""
        now = time.monotonic()
        if now < self._next_check_at:
            return
        self._next_check_at = now + CHECK_EVERY_S
        is_expected = leases.active(self._settings) or operation.read(self._settings) is not None
        if is_expected or not Broker(self._settings).reachable():
            self._locked_out.clear()
            self._stuck_since = (frozenset(), now)
            return
        problem = self._find_lockout(now) or self._find_standstill(now)
        if problem is not None:
            self._heal(problem, now)

    def _find_lockout(self, now: float) -> str | None:
        pids: dict[str, int] = {}
        with suppress(NotRunning):
            pids = {state.name: state.pid for state in Supervisor(self._settings).states()}
        clients = select_names(self._settings, lambda component: component.is_broker_client)
        for name in [*clients, *list_replays(self._settings)]:
            heartbeat = read_heartbeat(self._settings, name)
            if heartbeat is None:
                continue
            runs = pids.get(name) == heartbeat.pid if name in clients else psutil.pid_exists(heartbeat.pid)
            if not runs or heartbeat.connected:
                self._locked_out.pop((name, heartbeat.pid), None)
            elif now - self._locked_out.setdefault((name, heartbeat.pid), now) > PATIENCE_S:
                return f"{name} cannot connect"
        return None

    def _find_standstill(self, now: float) -> str | None:
        missing = self._find_undelivered() | self._find_unobserved()
        missing_before, since = self._stuck_since
        if not missing or not missing & missing_before:
            self._stuck_since = (missing, now)
            return None
        self._stuck_since = (missing & missing_before, since)
        return f"{len(missing)} messages are not delivered" if now - since > PATIENCE_S else None

    def _is_busy(self, parts: Sequence[str]) -> bool:
        """Return whether one of them is processing a message or starting: missing events may then be in flight."""
        heartbeats = [read_heartbeat(self._settings, part) for part in parts]
        return not all(heartbeat is not None and heartbeat.is_idle for heartbeat in heartbeats)

    def _find_unobserved(self) -> frozenset[str]:
        """Return the messages of the last minute, by what the database knows of them, that the observer was not given."""
        if self._is_busy(["observer"]):
            return frozenset()
        since, topics, store = (
            utc_now() - timedelta(seconds=RECENT_S),
            self._settings.topics,
            self._settings.observer_store,
        )
        with (
            suppress(DatabaseUnavailable),
            translated(),
            self._engine.connect().execution_options(**READ) as connection,
        ):
            received = queries.recently_received(connection, since, topics.observed())
            dead_letters = queries.recently_dead_lettered(connection, since)
            unobserved = {
                f"{topic} {message_id}" for topic, message_id in observer_lookups.find_unobserved(store, received)
            }
            seqs = observer_lookups.find_unobserved_dead_letters(store, topics.dead_letter, dead_letters)
            return frozenset(unobserved | {f"dead letter {seq}" for seq in seqs})
        return frozenset()

    def _find_undelivered(self) -> frozenset[str]:
        """Return those of the newest published events that have neither a notification nor a dead letter."""
        if self._is_busy(worker_names(self._settings)):
            return frozenset()
        published = observer_lookups.recently_published(self._settings.observer_store, NEWEST)
        with (
            suppress(DatabaseUnavailable),
            translated(),
            self._engine.connect().execution_options(**READ) as connection,
        ):
            return frozenset(queries.find_unsettled(connection, published))
        return frozenset()

    def _heal(self, problem: str, now: float) -> None:
        log.error("restarting pulsar-lite, which is stuck: %s", problem)
        with suppress(NotRunning, PartUnknown):
            Supervisor(self._settings).restart_part("broker")
        self._locked_out.clear()
        self._stuck_since = (frozenset(), now)
        self._next_check_at = now + AFTER_RESTART_S
