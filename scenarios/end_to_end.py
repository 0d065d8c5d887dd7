"""Send fresh commands through the whole path: calculate → approve → query → two events, notifications, audit lines."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from application import Application
from db import notification_queries, queries
from db.hops import HOPS
from scenarios.api_client import ApiClient
from scenarios.waiting import until
from settings import Settings
from stacks import instance
from stacks.controls import control
from stacks.processes import free_port
from stacks.resolving import hidden_environment
from workers import audit_file
from workers.observer_store import ObserverStore


@dataclass(frozen=True, slots=True)
class EndToEnd:
    ok: bool
    stack: str
    commission_id: str
    events: int
    notifications: int
    audit_lines: int
    hops_ms: dict[str, float]
    """Duration of each hop of the last event in milliseconds; `end_to_end` is from handler to notification."""
    versions: dict[str, str]


@contextmanager
def running(
    stack: str, say: instance.Say = lambda _: None, private: bool = False, **changes: Any
) -> Iterator[Settings]:
    """Yield the settings of the running instance, or of a private one on free ports that is removed afterwards.

    The running instance is not used with `private`, or when `changes` asks for other settings. Its ports and `changes` are not
    those of the environment.
    """
    existing = instance.find(stack)
    if not private and not changes and control(existing).running():
        yield existing
        return
    with TemporaryDirectory(prefix="alpes-", ignore_cleanup_errors=True) as folder:
        port_settings = [
            "api_port",
            "broker_port",
            "dashboard_port",
            "admin_port",
            "plain_admin_port",
            "functions_port",
        ]
        port_settings.append("mysql_port")
        ports = {name: free_port() for name in port_settings}
        changes.setdefault("without", ("dashboard",))
        changes.setdefault("owner_pid", os.getpid())  # if this process is killed, the instance removes itself
        with hidden_environment(ports | changes):
            started = instance.up(stack, Path(folder), say, **{**ports, **changes})
            try:
                yield started.settings
            finally:
                instance.down(started.settings, say)
                instance.remove(started.settings)  # the compose stack has volumes outside the temporary folder


def run(settings: Settings, deadline_s: float = 30) -> EndToEnd:
    """Send the commands through the HTTP API with fresh ids, wait for their effects, and return what arrived where.

    Raises TookTooLong, AccessRefused when the API refuses this client, or httpx.HTTPError when it fails.
    """
    conversion_id = str(uuid.uuid4())
    with ApiClient(settings) as http:
        body = {"affiliateId": "aff-1", "campaignId": "cmp-1", "grossAmount": 120.5, "currency": "USD"}
        calculated = http.post("/commissions/calculate", {"conversionId": conversion_id, **body})
        commission_id = str(calculated.raise_for_status().json()["commissionId"])
        approved = http.post("/commissions/approve", {"commissionId": commission_id}).raise_for_status()
        commission = http.get(f"/commissions/by-conversion/{conversion_id}").raise_for_status().json()
    event_ids = [*calculated.json()["eventIds"], *approved.json()["eventIds"]]
    with Application(settings, pool_size=1) as application:
        until(lambda: _is_complete(application, settings, event_ids), deadline_s, "two events notified and audited")
        published, notified, audited = _count_seen(application, settings, event_ids)
        with application.reading() as connection:
            hops = queries.read_hop_times(connection, event_ids)[event_ids[-1]]
    return EndToEnd(
        ok=commission["status"] == "APPROVED" and (published, notified, audited) == (2, 2, 2),
        stack=settings.stack,
        commission_id=commission_id,
        events=published,
        notifications=notified,
        audit_lines=audited,
        hops_ms=hop_durations_ms(hops),
        versions=instance.versions(settings),
    )


def hop_durations_ms(hops: dict[str, int]) -> dict[str, float]:
    """Return {`from→to`: milliseconds} for the measured hops, negative ones included, and `end_to_end`."""
    durations = {
        f"{first}→{second}": (hops[second] - hops[first]) / 1000
        for first, second in pairwise(HOPS)
        if first in hops and second in hops
    }
    if "persisted" in hops and "occurred" in hops:
        durations["end_to_end"] = (hops["persisted"] - hops["occurred"]) / 1000
    return durations


def _count_seen(application: Application, settings: Settings, event_ids: list[str]) -> tuple[int, int, int]:
    ids = set(event_ids)
    store = ObserverStore(settings.observer_store)
    try:
        published = sum(1 for event_id in ids if store.read_messages_of(event_id))
    finally:
        store.close()
    with application.reading() as connection:
        notified = len(ids & notification_queries.notification_ids(connection))
    audited = sum(1 for event_id in audit_file.event_ids(settings.audit_file) if event_id in ids)
    return published, notified, audited


def _is_complete(application: Application, settings: Settings, event_ids: list[str]) -> bool:
    if _count_seen(application, settings, event_ids) != (2, 2, 2):
        return False
    with application.reading() as connection:
        hops = queries.read_hop_times(connection, event_ids)
    return all(set(HOPS) <= set(hops.get(event_id, {})) for event_id in event_ids)
