"""Check token, rate and permission of a request before it reaches its endpoint."""

from __future__ import annotations

import hashlib
import hmac
import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems
from application.permissions import Action, Caller, refusal
from settings import Settings

GUARDED = ("/commissions", "/metrics")
"""Health, readiness and the description of the API stay open; the control endpoints have their own token."""
CHANGING = ("POST", "PUT", "PATCH", "DELETE")


class Guard:
    """ASGI middleware. It answers 401 without the token, 429 above the rate, and 403 for a command that is not allowed."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = settings.api_token.get_secret_value()
        self._no_commands = refusal(settings, Action.ISSUE_COMMANDS, Caller.API)
        self._rate = Rate(settings.api_rate_limit) if settings.api_rate_limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = None
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            refused = self._refuse(scope)
        await (self._app if refused is None else refused)(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response | None:
        client = scope.get("client")
        wait_s = self._rate.seconds_to_wait(client[0] if client else "") if self._rate else 0
        if wait_s:
            detail = f"more requests than {self._rate} from this address; try again in {wait_s} s"
            return problems.build_response(429, detail, {"Retry-After": str(wait_s)})
        if self._token and not _are_equal(_read_token(scope), self._token):
            return problems.build_response(
                401, "send the token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"}
            )
        if self._no_commands and scope["path"].startswith("/commissions") and scope["method"] in CHANGING:
            return problems.build_response(403, self._no_commands)
        return None


class Rate:
    """A limit of requests from one address in a moving window, such as `100/second` or `10 per 1 minute`."""

    def __init__(self, text: str) -> None:
        """Raise ValueError for a text that is no rate."""
        self._item: RateLimitItem = parse(text)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def __str__(self) -> str:
        return str(self._item)

    def seconds_to_wait(self, address: str) -> int:
        """Count a request and return 0, or return the whole seconds until the address may send the next one."""
        if self._limiter.hit(self._item, address):
            return 0
        until = self._limiter.get_window_stats(self._item, address).reset_time
        return max(1, math.ceil(until - time.time()))


def _read_token(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return bytes(value[7:]).decode("latin-1").strip()
    return ""


def _are_equal(sent: str, expected: str) -> bool:
    """Compare two tokens in constant time, also when their lengths differ."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (sent, expected)]
    return hmac.compare_digest(*digests)
