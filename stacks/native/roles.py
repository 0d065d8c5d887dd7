"""Who may do what on the native broker: a role a component, with a token of its own and no more rights than it needs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.admin import Admin
from settings import Settings, Topics
from stacks.native.certificates import write

ADMIN = "admin"
"""The command line and the watcher: creates topics, looks after the source."""
FUNCTIONS = "functions"
"""The broker's own client and the functions worker, in whose threads and with whose connection the source runs."""
SUPERUSERS = (ADMIN, FUNCTIONS)
ANONYMOUS = "anonymous"
"""Of clients without a token on the plain stack: on the binary port only."""


@dataclass(frozen=True, slots=True)
class Rights:
    produce: tuple[str, ...] = ()
    consume: tuple[str, ...] = ()
    subscription: str = ""
    """Through this one and no other role's; empty for a role that reads nothing."""
    namespace: tuple[str, ...] = ()
    """On all of the namespace: the page looks at its topics and stops and starts its source."""


def rights(settings: Settings) -> Mapping[str, Rights]:
    """Of every role that is no superuser."""
    topics: Topics = settings.topics
    return {
        "notifications": Rights(
            (topics.dead_letter,), (*topics.carrying_events(), topics.retry), settings.subscription
        ),
        "observer": Rights((), topics.observed(), settings.observer_subscription),
        "commands": Rights((topics.dead_letter,), (topics.commands,), settings.commands_subscription),
        "publisher": Rights((topics.commands,)),
        "dashboard": Rights((topics.retry, topics.commands), (), "", ("consume", "sources")),
        "api": Rights(),
        "audit": Rights(),
    }


def grant(admin: Admin, settings: Settings) -> None:
    """Raises AdminUnavailable or AdminRefused. Again changes nothing."""
    if settings.secure:
        _grant_by_component(admin, settings)
        return
    admin.permit_namespace(ANONYMOUS, ["produce", "consume"])
    for its in rights(settings).values():
        if its.subscription:  # which only its own role may use, once the stack was a secured one
            admin.permit_subscription(its.subscription, [ANONYMOUS])


def _grant_by_component(admin: Admin, settings: Settings) -> None:
    readers: dict[str, list[str]] = {}
    for role, its in rights(settings).items():
        if its.namespace:
            admin.permit_namespace(role, list(its.namespace))
        for topic in {*its.produce, *its.consume}:
            actions = ["produce"] * (topic in its.produce) + ["consume"] * (topic in its.consume)
            admin.permit(topic, role, actions)
        if its.subscription:
            readers.setdefault(its.subscription, []).append(role)
    for subscription, roles in readers.items():
        admin.permit_subscription(subscription, roles)


def key_file(folder: Path) -> Path:
    return folder / "token.key"


def ensure_tokens(folder: Path, settings: Settings) -> Path:
    """The signing key, made once, and a token a role below `tokens`; that folder. Raises OSError."""
    key = key_file(folder)
    if not key.exists():
        write(key, secrets.token_bytes(32))
    tokens = folder / "tokens"
    tokens.mkdir(exist_ok=True, mode=0o700)
    for role in (*SUPERUSERS, *rights(settings)):
        write(tokens / f"{role}.jwt", token(role, key.read_bytes()).encode("ascii"))
    return tokens


def token(role: str, key: bytes) -> str:
    """A JWT (HS256) that says no more than who it is: the broker reads only `sub`."""
    head = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part({'sub': role})}"
    return f"{head}.{_encoded(hmac.digest(key, head.encode('ascii'), hashlib.sha256))}"


def _part(value: dict[str, str]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode("ascii"))


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
