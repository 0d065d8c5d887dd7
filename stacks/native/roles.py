"""Define who may do what on the native broker: each component has a role, a token, and only the rights that it needs."""

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
"""Role of the command line and the watcher, which create topics and heal the source."""
FUNCTIONS = "functions"
"""Role of the broker's own client and of the functions worker, in whose threads the source runs."""
SUPERUSERS = (ADMIN, FUNCTIONS)
ANONYMOUS = "anonymous"
"""Role of clients without a token on the plain stack; it exists on the binary port only."""


@dataclass(frozen=True, slots=True)
class Rights:
    produce: tuple[str, ...] = ()
    consume: tuple[str, ...] = ()
    subscription: str = ""
    """The only subscription that this role may use; empty for a role that reads nothing."""
    namespace: tuple[str, ...] = ()
    """Rights on the whole namespace: the page reads its topics, and stops and starts its source."""


def rights(settings: Settings) -> Mapping[str, Rights]:
    """Return the rights of every role that is not a superuser."""
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
    """Grant the rights; a second call changes nothing. Raises AdminUnavailable or AdminRefused."""
    if settings.secure:
        _grant_by_component(admin, settings)
        return
    admin.permit_namespace(ANONYMOUS, ["produce", "consume"])
    for role_rights in rights(settings).values():
        if role_rights.subscription:  # after a secure start, only its own role may use it
            admin.permit_subscription(role_rights.subscription, [ANONYMOUS])


def _grant_by_component(admin: Admin, settings: Settings) -> None:
    readers: dict[str, list[str]] = {}
    for role, role_rights in rights(settings).items():
        if role_rights.namespace:
            admin.permit_namespace(role, list(role_rights.namespace))
        for topic in {*role_rights.produce, *role_rights.consume}:
            topics_by_action = {"produce": role_rights.produce, "consume": role_rights.consume}
            admin.permit(topic, role, [action for action, topics in topics_by_action.items() if topic in topics])
        if role_rights.subscription:
            readers.setdefault(role_rights.subscription, []).append(role)
    for subscription, roles in readers.items():
        admin.permit_subscription(subscription, roles)


def key_file(folder: Path) -> Path:
    return folder / "token.key"


def ensure_tokens(folder: Path, settings: Settings) -> Path:
    """Create the signing key, once, and a token for each role; return the folder of tokens. Raises OSError."""
    key = key_file(folder)
    if not key.exists():
        write(key, secrets.token_bytes(32))
    tokens = folder / "tokens"
    tokens.mkdir(exist_ok=True, mode=0o700)
    for role in (*SUPERUSERS, *rights(settings)):
        write(tokens / f"{role}.jwt", make_token(role, key.read_bytes()).encode("ascii"))
    return tokens


def make_token(role: str, key: bytes) -> str:
    """Return a JWT (HS256) that names the role and nothing else: the broker reads only `sub`."""
    head = f"{_encode_json({'alg': 'HS256', 'typ': 'JWT'})}.{_encode_json({'sub': role})}"
    return f"{head}.{_encode_base64(hmac.digest(key, head.encode('ascii'), hashlib.sha256))}"


def _encode_json(value: dict[str, str]) -> str:
    return _encode_base64(json.dumps(value, separators=(",", ":")).encode("ascii"))


def _encode_base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
