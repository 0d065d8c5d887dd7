"""Check the health of each component: whether it answers and how large its lag is, not only its reported status."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection, HTTPException

from sqlalchemy import Engine

from application import breakpoints, stalls
from application.components import find_component, select_names
from connectors.broker import Broker
from db import queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from domain.message import Message, extract_message
from settings import Settings
from stacks import faults
from stacks.captures import capture_of
from stacks.part_health import PartHealth, check_worker
from stacks.probes import ANSWERS_WITHIN_S, Probes
from stacks.waiting_events import Waiting, WaitingEvents, read_waiting

_PROBES: Probes[PartHealth] = Probes()
_WAITING: Probes[WaitingEvents | None] = Probes()
CHECKS_AFTER_STALLS = 3
REFUSES = 503
"""Status of an API that runs and cannot accept commands."""


def check(settings: Settings, engine: Engine, except_for: str = "") -> list[PartHealth]:
    """Return the health of every component, in the order of an event's path, within ANSWERS_WITHIN_S seconds.

    `except_for` is a component that need not be asked, because it is the one that asks.
    Servers are asked side by side: one that is frozen is reported as such, and hides nothing of the others. If this process
    stood still meanwhile, deadlines have passed that no component missed, so all are asked again.
    """
    for _ in range(CHECKS_AFTER_STALLS):
        began_at = stalls.now()
        healths = _check_once(settings, engine, except_for)
        if not stalls.stalled_since(began_at):
            break
    return healths


def _check_once(settings: Settings, engine: Engine, except_for: str) -> list[PartHealth]:
    leases = faults.active(settings)
    waiting = _WAITING.start(f"waiting of {settings.home}", partial(_read_waiting, settings, engine))
    capture = settings.facts.capture.component
    questions: dict[str, Callable[[], PartHealth]] = {
        "database": partial(_database, engine),
        capture: partial(capture_of(settings).check, engine),
        "broker": partial(_broker, settings),
        "api": partial(_server, "api", settings.api_host or settings.bind, settings.api_port),
    }
    if except_for != "dashboard" and "dashboard" not in settings.without:
        questions["dashboard"] = partial(_server, "dashboard", settings.bind, settings.dashboard_port)
    names = {part: f"{part} of {settings.home}" for part in questions}
    answers = _PROBES.ask({names[part]: question for part, question in questions.items()}, ANSWERS_WITHIN_S)
    healths = {part: answers[name] or _silent(part) for part, name in names.items()}
    if healths["database"].light == "down":
        healths[capture] = _without_lag(settings, answers[names[capture]])
    workers = select_names(settings, lambda component: component.has_heartbeat and not component.is_capture)
    healths |= {part: check_worker(settings, part) for part in workers}
    if healths["database"].light != "down":
        healths = _apply_lateness(settings, healths, waiting.wait(ANSWERS_WITHIN_S))
    return [
        _apply_lease(healths[part], leases)
        for part in select_names(settings, lambda component: component.name != except_for)
    ]


def _silent(part: str) -> PartHealth:
    return PartHealth(part, "down", Message("health.no_answer", s=ANSWERS_WITHIN_S))


def _without_lag(settings: Settings, answer: PartHealth | None) -> PartHealth:
    """Return the capture's health while the database does not answer: it may be healthy, but its lag is not known."""
    capture = settings.facts.capture
    if answer is None and capture.has_heartbeat:
        answer = check_worker(settings, capture.component)
    if answer is not None and answer.light == "down":
        return answer
    return PartHealth(capture.component, "behind", Message("health.lag_unknown"))


def _read_waiting(settings: Settings, engine: Engine) -> WaitingEvents | None:
    """Return None when the database does not answer."""
    try:
        return read_waiting(settings, engine)
    except DatabaseUnavailable:
        return None


def _apply_lateness(
    settings: Settings, healths: Mapping[str, PartHealth], waiting: WaitingEvents | None
) -> dict[str, PartHealth]:
    """Return the healths in which a component is behind when events have waited for it too long.

    A worker may have its connections, write heartbeats, and receive nothing.
    """
    if waiting is None:
        return dict(healths)
    stages = {
        settings.facts.capture.component: waiting.capture,
        "notifications": waiting.notifications,
        "observer": waiting.observer,
        "commands": waiting.commands,
    }
    late = {name: stage for name, stage in stages.items() if stage.is_late}
    judged = dict(healths)
    for part, health in healths.items():
        stage = late.get(find_component(part).name)
        if stage is not None and health.light == "ok":
            judged[part] = replace(health, light="behind", message=_describe_lateness(settings, stage))
    return judged


def _describe_lateness(settings: Settings, stage: Waiting) -> Message:
    if breakpoints.are_set(settings):
        return Message("health.stepped", n=stage.count)
    return Message("health.late", n=stage.count, s=round(stage.oldest_s, 1))


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
        return PartHealth("database", "down", extract_message(error))
    return PartHealth("database", "ok", Message("health.answers"))


def _broker(settings: Settings) -> PartHealth:
    where = settings.pulsar_url
    if Broker(settings).reachable():
        return PartHealth("broker", "ok", Message("health.answers_at", where=where))
    return PartHealth("broker", "down", Message("health.nothing_answers", where=where))


def _server(part: str, host: str, port: int) -> PartHealth:
    """Return the health of an HTTP server. A connection alone does not count, because Docker accepts it for a published port.

    The API says itself whether it can accept commands; any other answer than that it cannot counts as healthy.
    """
    url = f"http://{host}:{port}"
    path = {"dashboard": "/_stcore/health"}.get(part, "/ready")
    # Not httpx, which would read all certificate authorities at each check.
    with contextlib.closing(HTTPConnection(host, port, timeout=ANSWERS_WITHIN_S)) as connection:
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        except (OSError, HTTPException):
            return PartHealth(part, "down", Message("health.nothing_answers", where=url))
    if part == "api" and status == REFUSES:
        return PartHealth(part, "behind", Message("health.not_ready", where=url))
    return PartHealth(part, "ok", Message("health.answers_at", where=url))
