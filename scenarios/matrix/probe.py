"""Measure an edge from outside: connect through its proxy, send a request of its protocol, and see what comes back when."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from stacks.edges import Edge, Protocol
from stacks.proxy.lookup import encode_bytes

CONNECTS_WITHIN_S = 5.0
READ_BYTES = 65_536
LENGTH_BYTES = 4
HTTP_END = b"}"
"""The last byte of the JSON object that the API answers."""


class Probe:
    """One connection over an edge."""

    def __init__(
        self, edge: Edge, host: str, port: int, within_s: float = CONNECTS_WITHIN_S, *, greets: bool = True
    ) -> None:
        """Connect, and pass the protocol's greeting. Raises OSError, also when the greeting does not come in time."""
        self._protocol = edge.protocol
        self._socket = socket.create_connection((host, port), within_s)
        self._sent_at = 0.0
        try:
            if greets:
                self._greet()
        except OSError:
            self.close()
            raise

    def _greet(self) -> None:
        if self._protocol == "mysql":
            self._socket.recv(READ_BYTES)  # the server speaks first
        elif self._protocol == "pulsar":
            self._socket.sendall(_frame(b"\x08\x02" + encode_bytes(2, encode_bytes(1, b"alpes") + b"\x20\x13")))
            self._socket.recv(READ_BYTES)
        else:
            self._socket.sendall(_make_request("http", 0))
            answer = b"-"
            while answer and HTTP_END not in answer:
                answer = self._socket.recv(READ_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, size: int = 0) -> None:
        """Send a request of at least `size` bytes that the server answers. Raises OSError."""
        self._sent_at = time.monotonic()
        self._socket.sendall(_make_request(self._protocol, size))

    def answer_s(self, within_s: float) -> float | None:
        """Return the seconds from sending until the answer's first byte; None if there is none in time. Raises OSError at
        the connection's end."""
        self._socket.settimeout(within_s)
        try:
            if not self._socket.recv(READ_BYTES):
                raise ConnectionResetError
        except TimeoutError:
            return None
        return time.monotonic() - self._sent_at

    def is_reset(self, within_s: float) -> bool:
        """Return whether the connection ends within a time; what arrives before does not matter."""
        deadline = time.monotonic() + within_s
        with suppress(TimeoutError):
            try:
                while (left_s := deadline - time.monotonic()) > 0:
                    self._socket.settimeout(left_s)
                    if not self._socket.recv(READ_BYTES):
                        return True
            except TimeoutError:
                return False
            except OSError:
                return True
        return False


def _make_request(protocol: Protocol, size: int) -> bytes:
    padding = b"a" * size
    if protocol == "http":
        return b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Padding: " + padding + b"\r\n\r\n"
    if protocol == "mysql":  # no login of any user, so the server answers with an error
        payload = b"\x00" * 32 + b"nobody" + padding + b"\x00"
        return len(payload).to_bytes(3, "little") + b"\x01" + payload
    # A ping is as small as it is; an unknown field of the message makes it large, and is skipped.
    return _frame(b"\x08\x12" + encode_bytes(18, encode_bytes(15, padding) if padding else b""))


def _frame(command: bytes) -> bytes:
    size = len(command)
    return (size + LENGTH_BYTES).to_bytes(LENGTH_BYTES, "big") + size.to_bytes(LENGTH_BYTES, "big") + command
