"""Sends HTTP requests byte by byte as they were made: over a connection kept alive, the malformed ones over their own."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable
from typing import Any

from fuzzing.inputs import COMMISSION, Request
from fuzzing.outcomes import Answered
from settings import Settings

TIMEOUT_S = 30.0
AGAIN_S = 0.5
TIMES_AGAIN = 4
"""A 503 is the truth when the same request is answered otherwise a moment later. One in order is repeated for longer."""
TIMES_AGAIN_GOOD = 60


class RequestDriver:
    """For one thread. `commission()` is the id that is put in for COMMISSION; `stopped()` ends the repeating."""

    def __init__(self, settings: Settings, commission: Callable[[], str], stopped: Callable[[], bool]) -> None:
        self._address = (settings.api_host or settings.bind, settings.api_port)
        self._token = settings.api_token.get_secret_value()
        self._commission = commission
        self._stopped = stopped
        self._socket: socket.socket | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, request: Request) -> Answered:
        """Send, and again while the answer is 503; the last answer."""
        if request.raw is not None:
            return self._malformed(request.raw)
        text = self._text(request)
        answer = self._exchange(text, request.method)
        for _ in range(TIMES_AGAIN_GOOD if request.good else TIMES_AGAIN):
            if answer.status != 503 or self._stopped():
                break
            time.sleep(AGAIN_S)
            answer = self._exchange(text, request.method)
        return answer

    def _text(self, request: Request) -> bytes:
        body = request.body.replace(COMMISSION.encode(), self._commission().encode())
        target = request.target.replace(COMMISSION.encode(), self._commission().encode())
        named = {name.lower() for name, _ in request.headers}
        lines = [b"%b %b HTTP/1.1" % (request.method, target)]
        if b"host" not in named:
            lines.append(b"Host: %b:%d" % (self._address[0].encode(), self._address[1]))
        if self._token and b"authorization" not in named:
            lines.append(b"Authorization: Bearer " + self._token.encode())
        lines += [b"%b: %b" % header for header in request.headers]
        lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _exchange(self, text: bytes, method: bytes) -> Answered:
        fresh = self._socket is None
        answer = self._once(text, method)
        if answer.fault in ("closed", "reset") and not fresh:
            # The server may close a connection that was idle: only on a new one does it say something of the request.
            answer = self._once(text, method)
        return answer

    def _once(self, text: bytes, method: bytes) -> Answered:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, TIMEOUT_S)
            with contextlib.suppress(BrokenPipeError):  # it may have answered already, and closed
                self._socket.sendall(text)
            answer, closes = _read(self._socket, method)
        except TimeoutError:
            answer, closes = Answered(0, fault="timeout"), True
        except (http.client.RemoteDisconnected, http.client.IncompleteRead):
            answer, closes = Answered(0, fault="closed"), True
        except (OSError, http.client.HTTPException):
            answer, closes = Answered(0, fault="reset"), True
        if closes:
            self.close()
        return answer

    def _malformed(self, raw: bytes) -> Answered:
        """The first status that comes; a connection closed without one is an answer too."""
        try:
            with socket.create_connection(self._address, TIMEOUT_S) as own:
                with contextlib.suppress(OSError):
                    own.sendall(raw)
                    own.shutdown(socket.SHUT_WR)
                answer, _ = _read(own, b"")
                return answer
        except TimeoutError:
            return Answered(0, fault="timeout")
        except ConnectionRefusedError:
            return Answered(0, fault="reset")
        except (OSError, http.client.HTTPException):
            return Answered(0, fault="closed")


def _read(connection: socket.socket, method: bytes) -> tuple[Answered, bool]:
    """The answer, and whether the connection ends with it. Raises OSError or http.client.HTTPException."""
    response = http.client.HTTPResponse(connection, method=method.decode("latin-1"))
    try:
        response.begin()
        body: Any = None
        text = response.read()
        with contextlib.suppress(ValueError):
            body = json.loads(text)
        return Answered(response.status, body), bool(response.will_close) or response.status < 200
    finally:
        response.close()
