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
from stacks.native.certificates import write_private_file

ADMIN = "admin"
"""Role of the command line and the watcher, which create topics and heal the source."""
FUNCTIONS = "functions"
"""Role of the broker's own client and of the functions worker, in whose threads the source runs."""
SUPERUSERS = (ADMIN, FUNCTIONS)
ANONYMOUS = "anonymous"
"""Role of clients without a token on the plain stack; it exists on the binary port only."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What one role may do on the broker: the topics to which it may publish, and those that it may read."""

    produce: tuple[str, ...] = ()
    consume: tuple[str, ...] = ()
    subscription: str = ""
    """The only subscription through which this role may read; empty for a role that reads nothing."""
    namespace: tuple[str, ...] = ()
    """Rights on the whole namespace. Only the page has some: it reads the topics, and stops and starts the source."""


def list_rights(settings: Settings) -> Mapping[str, Rights]:
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


def grant_rights(admin: Admin, settings: Settings) -> None:
    """Grant all roles their rights; a second call changes nothing. Raises AdminUnavailable or AdminRefused."""
    if settings.secure:
        _grant_to_each_role(admin, settings)
        return
    admin.permit_namespace(ANONYMOUS, ["produce", "consume"])
    for role_rights in list_rights(settings).values():
        if role_rights.subscription:  # an earlier secure start left it to its own role only
            admin.permit_subscription(role_rights.subscription, [ANONYMOUS])


def _grant_to_each_role(admin: Admin, settings: Settings) -> None:
    roles_by_subscription: dict[str, list[str]] = {}
    for role, role_rights in list_rights(settings).items():
        if role_rights.namespace:
            admin.permit_namespace(role, list(role_rights.namespace))
        for topic in {*role_rights.produce, *role_rights.consume}:
            topics_by_action = {"produce": role_rights.produce, "consume": role_rights.consume}
            admin.permit(topic, role, [action for action, topics in topics_by_action.items() if topic in topics])
        if role_rights.subscription:
            roles_by_subscription.setdefault(role_rights.subscription, []).append(role)
    for subscription, roles in roles_by_subscription.items():
        admin.permit_subscription(subscription, roles)


def locate_key_file(folder: Path) -> Path:
    """Return the file of the key that signs the tokens."""
    return folder / "token.key"


def ensure_tokens(folder: Path, settings: Settings) -> Path:
    """Write a token for each role, and return the folder of tokens. The first call creates the signing key. Raises OSError."""
    key = locate_key_file(folder)
    if not key.exists():
        write_private_file(key, secrets.token_bytes(32))
    tokens = folder / "tokens"
    tokens.mkdir(exist_ok=True, mode=0o700)
    for role in (*SUPERUSERS, *list_rights(settings)):
        write_private_file(tokens / f"{role}.jwt", make_token(role, key.read_bytes()).encode("ascii"))
    return tokens


def make_token(role: str, key: bytes) -> str:
    """Return a JWT (HS256) that holds the role and nothing else, because the broker reads only `sub`."""
    signed_part = f"{_encode_json({'alg': 'HS256', 'typ': 'JWT'})}.{_encode_json({'sub': role})}"
    return f"{signed_part}.{_encode_base64(hmac.digest(key, signed_part.encode('ascii'), hashlib.sha256))}"


def _encode_json(value: dict[str, str]) -> str:
    return _encode_base64(json.dumps(value, separators=(",", ":")).encode("ascii"))


def _encode_base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
