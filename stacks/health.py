"""Check the health of each component: whether it answers and how large its lag is, not only its reported status."""

from __future__ import annotations

import contextlib
import time
from http.client import HTTPConnection, HTTPException

from sqlalchemy import Engine

from connectors.broker import Broker
from db import queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from domain.message import Message, said_by
from settings import Settings
from stacks import faults
from stacks.captures import capture_of
from stacks.part_health import PartHealth, check_worker
from stacks.python_parts import worker_names

ANSWERS_WITHIN_S = 2.0
"""A server on a busy machine may be slow; one that is silent for this long is as good as away."""


def check(settings: Settings, engine: Engine) -> list[PartHealth]:
    """Return the health of every component, in the order of an event's path."""
    leases = faults.active(settings)
    healths = [_database(engine), capture_of(settings).check(engine), _broker(settings)]
    names = (*worker_names(settings), "observer", "audit", "commands", "watcher")
    healths += [check_worker(settings, part) for part in names]
    healths.append(_server("api", settings.api_host or settings.bind, settings.api_port))
    if "dashboard" not in settings.without:
        healths.append(_server("dashboard", settings.bind, settings.dashboard_port))
    return [_apply_lease(health, leases) for health in healths if health.part not in settings.without]


def _apply_lease(health: PartHealth, leases: dict[str, faults.Lease]) -> PartHealth:
    lease = leases.get(health.part)
    if lease is None:
        return health
    remaining_s = max(0.0, lease.expires_at - time.time())
    return PartHealth(health.part, "down", Message("health.held_down", s=round(remaining_s)))


def _database(engine: Engine) -> PartHealth:
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            queries.outbox_head(connection)
    except DatabaseUnavailable as error:
        return PartHealth("database", "down", said_by(error))
    return PartHealth("database", "ok", Message("health.answers"))


def _broker(settings: Settings) -> PartHealth:
    where = settings.pulsar_url
    if Broker(settings).reachable():
        return PartHealth("broker", "ok", Message("health.answers_at", where=where))
    return PartHealth("broker", "down", Message("health.nothing_answers", where=where))


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
            return PartHealth(part, "down", Message("health.nothing_answers", where=url))
    return PartHealth(part, "ok", Message("health.answers_at", where=url))
