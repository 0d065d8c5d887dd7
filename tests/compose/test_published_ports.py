"""A published port takes connections though nothing is behind it: the lights ask for an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.broker import Broker
from settings import Settings
from stacks import health

CONNECTED = bytes.fromhex("0000000b 00000007 0803 1a03 0a0178")
REFUSED = bytes.fromhex("0000000b 00000007 080e 7203 080b10")


def ended(_: socket.socket) -> None:
    """As Docker's proxy does when nothing listens inside."""


def silent(line: socket.socket) -> None:
    """As a process that is stopped does: its kernel takes the connection."""
    line.recv(1000)
    line.recv(1000)


def greeted(answer: bytes) -> Callable[[socket.socket], None]:
    def serve(line: socket.socket) -> None:
        line.recv(1000)
        line.sendall(answer)

    return serve


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port behind which `serve` treats each connection; then it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    serve(line)

        threading.Thread(target=run, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("serve", "there"),
    [(ended, False), (silent, False), (greeted(CONNECTED), True), (greeted(REFUSED), True)],
    ids=["ended", "silent", "connected", "refused"],
)
def test_a_broker_is_there_when_it_answers_a_greeting(
    serve: Callable[[socket.socket], None], there: bool, tmp_path: Path
) -> None:
    with listening(serve) as port:
        broker = Broker(Settings(home=tmp_path, pulsar_url=f"pulsar://127.0.0.1:{port}"))
        assert broker.reachable(0.3 if serve is silent else 5) is there


@pytest.mark.parametrize(
    ("serve", "light"),
    [(ended, "down"), (silent, "down"), (greeted(b"HTTP/1.1 404 Not found\r\nContent-Length: 0\r\n\r\n"), "ok")],
    ids=["ended", "silent", "answers"],
)
@pytest.mark.parametrize("part", ["api", "dashboard"])
def test_a_server_is_there_when_it_answers_a_request(
    serve: Callable[[socket.socket], None], light: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if serve is silent:
        monkeypatch.setattr(health, "ANSWERS_WITHIN_S", 0.3)
    with listening(serve) as port:
        assert health._server(part, "127.0.0.1", port).light == light


def test_an_api_that_answers_and_is_not_ready_is_degraded() -> None:
    with listening(greeted(b"HTTP/1.1 503 Not yet\r\nContent-Length: 0\r\n\r\n")) as port:
        assert health._server("api", "127.0.0.1", port).light == "behind"


def test_nothing_listens_at_all(tmp_path: Path) -> None:
    with listening(ended) as port:
        pass
    assert not Broker(Settings(home=tmp_path, pulsar_url=f"pulsar://127.0.0.1:{port}")).reachable()
    assert health._server("api", "127.0.0.1", port).light == "down"
