"""Decide which host names the page and the API answer to.

Listening on the loopback does not keep web pages out: any site can let its own name resolve to 127.0.0.1 after its page was
loaded (DNS rebinding), and that page then has the same origin as our server. Only the host name shows the difference.
"""

from __future__ import annotations

import ipaddress
import json
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from settings import Settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")
WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104


class AllowedHosts:
    """The names of one instance's page and API."""

    def __init__(self, settings: Settings) -> None:
        own_names = (settings.bind, settings.api_host, urlsplit(settings.oidc_redirect_uri).hostname or "")
        self.named = frozenset(_normalize(name) for name in settings.allowed_hosts)
        self.names = (
            frozenset(_normalize(name) for name in (*LOOPBACK, *own_names) if name not in WILDCARDS) | self.named
        )
        self.any_address = settings.bind in WILDCARDS
        """True when bound to every address: then every IP literal is allowed, because a literal cannot be rebound."""

    def refusal(self, host: str | None, origin: str | None) -> str | None:
        """Return a sentence that says why a request with these headers is refused, or None when it is allowed."""
        name = hostname(host)
        if name is None or not self._is_allowed_name(name):
            return (
                f"this instance does not answer to the host {host or '(none)'}; ALPES_ALLOWED_HOSTS names further ones"
            )
        if origin is None or _authority(origin) == _authority(f"//{host}"):
            return None
        sender = hostname(urlsplit(origin).netloc) if _is_parseable(origin) else None
        if sender is not None and sender in self.named:  # a proxy may change the Host header
            return None
        return f"a page of {origin} may not use this instance; ALPES_ALLOWED_HOSTS names further hosts"

    def _is_allowed_name(self, name: str) -> bool:
        return name in self.names or (self.any_address and _is_address(name))


class HostGuard:
    """ASGI middleware that answers 403 to requests for other hosts, WebSockets included."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app, self._allowed = app, allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        refusal = self._allowed.refusal(hosts[0] if len(hosts) == 1 else None, origins[0] if origins else None)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "host"})  # before `accept`: HTTP 403
        else:
            problem = {"type": "about:blank", "title": "Not allowed here", "status": 403, "detail": refusal}
            headers = [(b"content-type", b"application/problem+json")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": json.dumps(problem).encode()})


def hostname(host: str | None) -> str | None:
    """Return the normalized name: `alpes.example` for `Alpes.example.:8501`, `::1` for `[::1]:8501`; None if invalid."""
    if not host or any(character in host for character in "/@?#\\ \t"):
        return None
    try:
        parts = urlsplit(f"//{host}")
        _port = parts.port  # raises ValueError for an invalid port
    except ValueError:
        return None
    return _normalize(parts.hostname) if parts.hostname else None


def _normalize(name: str) -> str:
    return name.strip().strip("[]").lower().rstrip(".")


def _is_parseable(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def _authority(url: str) -> tuple[str, int | None] | None:
    """Return host and port of an Origin or a Host; the default port of the scheme counts as no port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    default_ports = {"http": (80,), "https": (443,)}.get(parts.scheme, (80, 443))
    return _normalize(parts.hostname), None if port in default_ports else port


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
