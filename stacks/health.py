"""Check the health of each component: whether it answers and how large its lag is, not only its reported status."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Literal

import psutil
from sqlalchemy import Engine

from connectors import source
from connectors.admin import Admin, AdminRefused, AdminUnavailable
from connectors.broker import Broker
from db import notification_queries, outbox, queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from stacks import faults
from stacks.python_parts import worker_names
from workers.heartbeat import read_heartbeat
from workers.observer_records import Totals
from workers.observer_store import ObserverStore

STALE_S = 5.0
"""A worker without a heartbeat for this long is not healthy."""

ANSWERS_WITHIN_S = 2.0
"""A server on a busy machine may be slow; one that is silent for this long is as good as away."""

Light = Literal["ok", "behind", "down"]


@dataclass(frozen=True, slots=True)
class PartHealth:
    part: str
    light: Light
    detail: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Lag:
    """The position of each stage of an event's path; None where it cannot be read now."""

    outbox_head: int | None
    captured: int | None
    """Highest outbox `seq` that the observer saw published."""
    published: int | None
    notified: int | None
    parked: int = 0
    """Outbox rows that cannot be published and are dead letters."""
    parked_beyond: int = 0
    """Parked rows above the highest `seq` that the observer saw published."""

    @property
    def capture_behind(self) -> int:
        """Number of outbox rows that were neither observed on the broker nor parked."""
        return max(0, (self.outbox_head or 0) - (self.captured or 0) - self.parked_beyond)


def lag(settings: Settings, engine: Engine) -> Lag:
    outbox_head = notified = None
    parked = parked_beyond = 0
    captured = 0
    with (
        contextlib.suppress(DatabaseUnavailable),
        translated(),
        engine.connect().execution_options(**READ) as connection,
    ):
        outbox_head, notified = queries.outbox_head(connection), notification_queries.notification_head(connection)
        captured = captured_up_to(settings, outbox_head)
        if settings.stack == "embedded":  # on the other stacks Debezium publishes every row
            parked = outbox.count_parked_above(connection, 0)
            parked_beyond = outbox.count_parked_above(connection, captured)
    totals = observed(settings)
    if totals is None:
        return Lag(outbox_head, None, None, notified, parked, parked_beyond)
    return Lag(
        outbox_head,
        totals.watermark if outbox_head is None else captured,
        totals.distinct,
        notified,
        parked,
        parked_beyond,
    )


def captured_up_to(settings: Settings, head: int) -> int:
    """Return the highest `seq` of the table that the observer saw published; 0 while there is no store."""
    try:
        store = ObserverStore(settings.observer_store)
    except sqlite3.OperationalError:
        return 0
    try:
        return store.captured_up_to(head)
    except sqlite3.OperationalError:
        return 0
    finally:
        store.close()


def observed(settings: Settings) -> Totals | None:
    """Return the observer's totals, or None while there is no store."""
    try:
        store = ObserverStore(settings.observer_store)
    except sqlite3.OperationalError:
        return None
    try:
        return store.totals()
    except (sqlite3.OperationalError, TypeError):
        return None
    finally:
        store.close()


def check(settings: Settings, engine: Engine) -> list[PartHealth]:
    """Return the health of every component, in the order of an event's path."""
    leases = faults.active(settings)
    healths = [_database(engine), *_capture(settings, engine), _broker(settings)]
    names = (*worker_names(settings), "observer", "audit", "commands", "watcher")
    healths += [_worker(settings, part) for part in names]
    healths.append(_server("api", settings.api_host or settings.bind, settings.api_port))
    if "dashboard" not in settings.without:
        healths.append(_server("dashboard", settings.bind, settings.dashboard_port))
    return [_apply_lease(health, leases) for health in healths if health.part not in settings.without]


def _apply_lease(health: PartHealth, leases: dict[str, faults.Lease]) -> PartHealth:
    lease = leases.get(health.part)
    if lease is None:
        return health
    remaining_s = max(0.0, lease.expires_at - time.time())
    return PartHealth(health.part, "down", f"held down by a {lease.fault} for {remaining_s:.0f} s more")


def _database(engine: Engine) -> PartHealth:
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            queries.outbox_head(connection)
    except DatabaseUnavailable as error:
        return PartHealth("database", "down", str(error))
    return PartHealth("database", "ok", "answers")


def _capture(settings: Settings, engine: Engine) -> list[PartHealth]:
    if settings.stack == "embedded":
        return [_relay(settings, lag(settings, engine))]
    behind = lag(settings, engine).capture_behind
    if not settings.pulsar_admin_url:
        light: Light = "behind" if behind else "ok"
        return [PartHealth("source", light, f"{behind} behind; without an admin REST only its lag is known")]
    return [_source(settings, behind)]


def _relay(settings: Settings, lag: Lag) -> PartHealth:
    health = _worker(settings, "relay", lag.capture_behind)
    if not lag.parked:
        return health
    parked_text = f"{lag.parked} outbox rows are parked: `./alpes dead-letters list` says why"
    return PartHealth(health.part, health.light, f"{health.detail}; {parked_text}")


def _source(settings: Settings, behind: int) -> PartHealth:
    try:
        with Admin(settings, timeout_s=2) as admin:
            status = source.status(admin, settings.source_name)
    except (AdminUnavailable, AdminRefused) as error:
        return PartHealth("source", "down", str(error))
    if status is None:
        return PartHealth("source", "down", "there is no source; `./alpes source create` makes it")
    if not status.running:
        return PartHealth("source", "down", f"does not run: {status.error or 'stopped'}")
    if behind:
        return PartHealth("source", "behind", f"{behind} behind")
    return PartHealth("source", "ok", "runs and has read the whole outbox")


def _broker(settings: Settings) -> PartHealth:
    if Broker(settings).reachable():
        return PartHealth("broker", "ok", f"answers at {settings.pulsar_url}")
    return PartHealth("broker", "down", f"nothing answers at {settings.pulsar_url}")


def _worker(settings: Settings, part: str, behind: int = 0) -> PartHealth:
    heartbeat = read_heartbeat(settings, part)
    if heartbeat is None:
        return PartHealth(part, "down", "has not started yet")
    # While a broker starts, one attempt to connect may take longer than STALE_S. The worker's last heartbeat said that it
    # has no connection, so a live process is waiting.
    is_waiting = not heartbeat.connected and psutil.pid_exists(heartbeat.pid)
    if heartbeat.age_s > STALE_S and not is_waiting:
        return PartHealth(part, "down", f"no sign of life for {heartbeat.age_s:.0f} s")
    if not heartbeat.connected:
        return PartHealth(part, "behind", "waits for what it depends on")
    if behind:
        return PartHealth(part, "behind", f"{behind} behind")
    return PartHealth(part, "ok", "at work")


def _server(part: str, host: str, port: int) -> PartHealth:
    """Whatever it answers, it is there. A connection alone proves nothing: Docker takes those to a published port."""
    url = f"http://{host}:{port}"
    path = {"dashboard": "/_stcore/health"}.get(part, "/health")
    # Not httpx: it would read all certificate authorities for each of these looks.
    with contextlib.closing(HTTPConnection(host, port, timeout=ANSWERS_WITHIN_S)) as connection:
        try:
            connection.request("GET", path)
            connection.getresponse()
        except (OSError, HTTPException):
            return PartHealth(part, "down", f"nothing answers at {url}")
    return PartHealth(part, "ok", f"answers at {url}")
