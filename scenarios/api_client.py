"""HTTP clients of an instance's API and page, for scenarios, measurements and commands.

They ignore the proxies of the environment, because the instance is on this machine. The API's client sends the instance's
token and waits when the API limits the rate: being kept out says nothing about the system under test.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from domain.message import Message
from scenarios.waiting import JudgeFailed
from settings import Settings

PATIENCE_S = 120.0
"""How long one request may wait for the rate limit."""


class AccessRefused(JudgeFailed):
    """The API refused this client, not its command; `str(error)` says why."""


class ApiClient:
    """A client of the API; use it in a `with` statement or close it. Threads may share it.

    Methods raise AccessRefused for 401, 403 and a rate limit that does not end, and httpx.TransportError when nothing
    answers.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        timeout_s: float = 10,
        headers: Mapping[str, str] | None = None,
        pause: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Set it up. `pause(seconds)` waits for the rate limit; `transport` replaces the network in a test."""
        token = settings.api_token.get_secret_value()
        token_header = {"Authorization": f"Bearer {token}"} if token else {}
        self._pause = pause
        self._http = _make_client(
            f"http://{url_host(settings.api_host or settings.bind)}:{settings.api_port}",
            {**token_header, **(headers or {})},
            timeout_s,
            transport,
        )

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return self._request("POST", path, json=body)

    def get(self, path: str) -> httpx.Response:
        return self._request("GET", path)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            response = self._http.request(method, path, **options)
            if response.status_code == 429:
                wait_s = _retry_after_s(response)
                if time.monotonic() + wait_s > give_up_at:
                    raise AccessRefused(Message("judge.api_limits", s=PATIENCE_S))
                self._pause(wait_s)
            elif response.status_code in (401, 403):
                why = _detail(response)
                raise AccessRefused(Message("judge.api_refuses", why=why, status=response.status_code))
            else:
                return response


def page_client(settings: Settings) -> httpx.Client:
    """Return an HTTP client of the instance's page."""
    return _make_client(f"http://{url_host(settings.bind)}:{settings.dashboard_port}", {}, 10, None)


def url_host(address: str) -> str:
    """Return the host part of a URL for a bind address. For "every address" (0.0.0.0, ::) that is the loopback address."""
    if address in ("0.0.0.0", "::"):  # noqa: S104 - nothing listens here, this only connects
        return "127.0.0.1" if address == "0.0.0.0" else "[::1]"  # noqa: S104
    try:
        return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    except ValueError:
        return address


def _make_client(
    base_url: str, headers: Mapping[str, str], timeout_s: float, transport: httpx.BaseTransport | None
) -> httpx.Client:
    return httpx.Client(
        base_url=base_url, headers=dict(headers), timeout=timeout_s, trust_env=False, transport=transport
    )


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return max(1.0, float(text)) if text.isdecimal() else 1.0


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200] or "no reason given"
