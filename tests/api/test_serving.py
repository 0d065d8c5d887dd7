"""Test how the API is served: to its own hosts, with the real client addresses, and not to silent clients."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import ValidationError

from api import connections
from api.__main__ import configuration
from application import Application
from db.engine import connect
from db.migrate import upgrade
from scenarios.waiting import until
from settings import Settings
from stacks.processes import free_port
from tests.api.test_endpoints import CALCULATE, GOOD, rows

THREADS = 40
"""What Starlette runs `def` endpoints in."""


@contextmanager
def served(home: Path, **changes: Any) -> Iterator[tuple[httpx.Client, Application]]:
    """A real server on a port of its own."""
    port = free_port()
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'a.db'}", api_port=port, **changes)
    engine = connect(settings.database_url)
    upgrade(engine)
    engine.dispose()
    application = Application(settings)
    server = uvicorn.Server(configuration(settings, application))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, 20, "the server")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
            yield client, application
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.mark.parametrize("headers", [{"Host": "evil.example:5001"}, {"Origin": "http://evil.example:5001"}])
def test_a_page_of_another_host_reads_and_writes_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    with served(tmp_path) as (http, application):
        for answer in (
            http.post(CALCULATE, json=GOOD, headers=headers),
            *(http.get(path, headers=headers) for path in ("/health", "/metrics", "/docs", "/nothing")),
        ):
            assert answer.status_code == 403
            assert answer.headers["content-type"] == "application/problem+json"
        assert rows(application) == (0, 0)
        assert http.post(CALCULATE, json=GOOD).status_code == 201


@pytest.mark.parametrize(("proxies", "refused"), [((), True), (("127.0.0.1",), False), (("192.0.2.0/24",), True)])
def test_the_rate_counts_the_client_that_connects_or_that_a_trusted_proxy_names(
    tmp_path: Path, proxies: tuple[str, ...], refused: bool
) -> None:
    with served(tmp_path, api_rate_limit="5/minute", trusted_proxies=proxies) as (http, _):
        codes = [
            http.get("/commissions/by-conversion/x", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
            for n in range(8)
        ]
    assert codes == ([404] * 5 + [429] * 3 if refused else [404] * 8)


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies=("*",))


def test_health_answers_while_every_thread_waits_for_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, waiting = threading.Event(), threading.Semaphore(0)

    def stuck(self: Application, command: object) -> object:
        waiting.release()
        go.wait(30)
        raise RuntimeError("the database did not answer")

    monkeypatch.setattr(Application, "send", stuck)
    with served(tmp_path) as (http, _), ThreadPoolExecutor(THREADS + 5) as clients:
        try:
            for _number in range(THREADS + 5):
                clients.submit(http.post, CALCULATE, json=GOOD)
            for _number in range(THREADS):
                assert waiting.acquire(timeout=20)
            with httpx.Client(base_url=http.base_url, trust_env=False, timeout=10) as other:
                assert other.get("/health").json() == {"status": "ok"}
        finally:
            go.set()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"POST /commissions/calc",
        (
            b"POST /commissions/calculate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10\r\n\r\n{"
        ),
    ],
)
def test_a_silent_connection_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(connections, "IDLE_S", 0.2)
    with served(tmp_path) as (http, _), socket.create_connection(("127.0.0.1", http.base_url.port or 0)) as client:
        client.settimeout(20)
        client.sendall(said)
        while client.recv(4096):
            pass


def test_a_slow_answer_is_no_idle_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_S", 0.1)
    real, go = Application.send, threading.Event()

    def slow(self: Application, command: Any) -> Any:
        go.wait(0.5)
        return real(self, command)

    monkeypatch.setattr(Application, "send", slow)
    with served(tmp_path) as (http, _):
        assert http.post(CALCULATE, json=GOOD).status_code == 201
