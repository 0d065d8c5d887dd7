"""HTTP to the instance's own API and page, as every scenario, measurement and command asks them.

Past every proxy of the environment: the instance is this machine's own. With the instance's token, and patient where it limits
the rate: what keeps the asking side out says nothing about the system that is asked.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from scenarios.waiting import JudgeFailed
from settings import Settings

PATIENCE_S = 120.0
"""How long one request may wait for the rate limit."""


class NoWayIn(JudgeFailed):
    """The API cannot be used: it refused the asking side, not the command; `str(error)` says why."""


class ApiClient:
    """Close it, or use it in a `with`; for several threads at once.

    Methods raise NoWayIn for 401, 403 and a rate limit without end, and httpx.TransportError when nothing answers.
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
        """`pause(seconds)` waits for the rate limit; `transport` stands in for the network in a test."""
        token = settings.api_token.get_secret_value()
        own = {"Authorization": f"Bearer {token}"} if token else {}
        self._pause = pause
        self._http = _client(
            f"http://{host(settings.api_host or settings.bind)}:{settings.api_port}",
            {**own, **(headers or {})},
            timeout_s,
            transport,
        )

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return self._asked("POST", path, json=body)

    def get(self, path: str) -> httpx.Response:
        return self._asked("GET", path)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _asked(self, method: str, path: str, **options: Any) -> httpx.Response:
        patient_until = time.monotonic() + PATIENCE_S
        while True:
            answer = self._http.request(method, path, **options)
            if answer.status_code == 429:
                wait_s = _retry_after_s(answer)
                if time.monotonic() + wait_s > patient_until:
                    raise NoWayIn(f"the API's rate limit leaves no room for a request within {PATIENCE_S:g} s")
                self._pause(wait_s)
            elif answer.status_code in (401, 403):
                raise NoWayIn(f"the API lets nobody in here: {_detail(answer)} (HTTP {answer.status_code})")
            else:
                return answer


def page_client(settings: Settings) -> httpx.Client:
    """A client of the instance's page."""
    return _client(f"http://{host(settings.bind)}:{settings.dashboard_port}", {}, 10, None)


def host(address: str) -> str:
    """An address to connect to, as it stands in a URL: the loopback for one that means every address of the machine."""
    if address in ("0.0.0.0", "::"):  # noqa: S104 - it is not listened on
        return "127.0.0.1" if address == "0.0.0.0" else "[::1]"  # noqa: S104
    try:
        return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    except ValueError:
        return address


def _client(
    base_url: str, headers: Mapping[str, str], timeout_s: float, transport: httpx.BaseTransport | None
) -> httpx.Client:
    return httpx.Client(
        base_url=base_url, headers=dict(headers), timeout=timeout_s, trust_env=False, transport=transport
    )


def _retry_after_s(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return max(1.0, float(text)) if text.isdecimal() else 1.0


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or "no reason given"
