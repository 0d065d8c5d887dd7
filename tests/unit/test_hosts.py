"""Requests of other hosts and origins are refused by whatever a server answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from settings import Settings
from stacks.hosts import AllowedHosts, HostGuard, hostname


def allowed(**changes: object) -> AllowedHosts:
    return AllowedHosts(Settings.model_validate(changes))


@pytest.mark.parametrize("host", ["localhost:8501", "LOCALHOST.", "127.0.0.1:1", "[::1]:8501", "[::1]"])
def test_the_loopback_names_are_known(host: str) -> None:
    assert allowed().refusal(host, None) is None


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1",
     "evil.example@localhost", "localhost:port", "localhost, evil.example", "[::1", "0.0.0.0"],
)  # fmt: skip
def test_every_other_host_is_refused_in_a_sentence(host: str | None) -> None:
    assert "ALPES_ALLOWED_HOSTS" in (allowed().refusal(host, None) or "")


@given(st.text(min_size=1))
def test_no_text_gets_in_but_the_names(text: str) -> None:
    if allowed().refusal(text, None) is None:
        assert hostname(text) in ("localhost", "127.0.0.1", "::1")


def test_settings_name_further_hosts() -> None:
    hosts = allowed(
        bind="192.0.2.7",
        api_host="api",
        oidc_redirect_uri="https://Alpes.example/oauth2callback",
        allowed_hosts=("proxy.example", "2001:db8::1"),
    )
    for host in ("192.0.2.7:8501", "api:5000", "alpes.example", "proxy.example:443", "[2001:db8::1]:1"):
        assert hosts.refusal(host, None) is None
    assert hosts.refusal("evil.example", None)


@pytest.mark.parametrize("name", ["*", "http://a.example", "a.example:80", "*.example", "a/b", ""])
def test_what_is_no_host_name_is_named(name: str) -> None:
    with pytest.raises(ValidationError, match="no host name"):
        Settings(allowed_hosts=(name,))


def test_on_every_address_it_answers_to_literals_which_no_one_can_rebind() -> None:
    hosts = allowed(bind="0.0.0.0")
    assert hosts.refusal("192.0.2.9:5001", None) is None
    assert hosts.refusal("[2001:db8::2]:5001", None) is None
    assert hosts.refusal("evil.example", None)
    assert "0.0.0.0" not in hosts.names


@pytest.mark.parametrize(
    ("origin", "lets"),
    [
        (None, True),
        ("http://localhost:8501", True),
        ("http://LOCALHOST:8501", True),
        ("http://localhost:9000", False),
        ("http://127.0.0.1:8501", False),
        ("http://evil.example:8501", False),
        ("http://evil.example", False),
        ("https://proxy.example", True),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_an_origin_is_the_host_itself_or_a_named_proxy(origin: str | None, lets: bool) -> None:
    assert (allowed(allowed_hosts=("proxy.example",)).refusal("localhost:8501", origin) is None) is lets


def test_a_port_that_the_scheme_implies_is_none() -> None:
    assert allowed(allowed_hosts=("a.example",)).refusal("a.example", "https://a.example:443") is None
    assert allowed().refusal("localhost", "http://localhost:80") is None


async def _page(_request: object) -> PlainTextResponse:
    return PlainTextResponse("here")


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def test_http_and_websockets_are_guarded_alike() -> None:
    inner = Starlette(routes=[Route("/", _page), WebSocketRoute("/ws", _socket)])
    client = TestClient(HostGuard(inner, allowed()), base_url="http://localhost:8501")
    assert client.get("/").text == "here"
    refused = client.get("/", headers={"Host": "evil.example:8501"})
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    assert "evil.example" in refused.json()["detail"]
    with client.websocket_connect("/ws", headers={"Host": "localhost:8501", "Origin": "http://localhost:8501"}):
        pass
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/ws", headers={"Host": "evil.example", "Origin": "http://evil.example"}),
    ):
        pass
