"""Send HTTP requests exactly as they were generated: over a kept-alive connection, malformed ones over one of their own."""

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
RETRY_AFTER_S = 0.5
RETRIES = 4
"""A 503 is legitimate if the same request gets another answer a moment later. A good request is retried for longer."""
RETRIES_OF_GOOD = 60


class RequestDriver:
    """A driver for one thread. `commission()` returns the id that replaces COMMISSION; `stopped()` ends the retries."""

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
        """Send the request, retry while the answer is 503, and return the last answer."""
        if request.raw is not None:
            return self._send_malformed(request.raw)
        text = self._to_bytes(request)
        answer = self._exchange(text, request.method)
        for _ in range(RETRIES_OF_GOOD if request.good else RETRIES):
            if answer.status != 503 or self._stopped():
                break
            time.sleep(RETRY_AFTER_S)
            answer = self._exchange(text, request.method)
        return answer

    def _to_bytes(self, request: Request) -> bytes:
        body = request.body.replace(COMMISSION.encode(), self._commission().encode())
        target = request.target.replace(COMMISSION.encode(), self._commission().encode())
        given_names = {name.lower() for name, _ in request.headers}
        lines = [b"%b %b HTTP/1.1" % (request.method, target)]
        if b"host" not in given_names:
            lines.append(b"Host: %b:%d" % (self._address[0].encode(), self._address[1]))
        if self._token and b"authorization" not in given_names:
            lines.append(b"Authorization: Bearer " + self._token.encode())
        lines += [b"%b: %b" % header for header in request.headers]
        lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _exchange(self, text: bytes, method: bytes) -> Answered:
        is_new_connection = self._socket is None
        answer = self._exchange_once(text, method)
        if answer.fault in ("closed", "reset") and not is_new_connection:
            # A server may close an idle connection. Only on a new connection does that mean anything about the request.
            answer = self._exchange_once(text, method)
        return answer

    def _exchange_once(self, text: bytes, method: bytes) -> Answered:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, TIMEOUT_S)
            with contextlib.suppress(BrokenPipeError):  # the server may have answered and closed already
                self._socket.sendall(text)
            answer, closes = _read_answer(self._socket, method)
        except TimeoutError:
            answer, closes = Answered(0, fault="timeout"), True
        except (http.client.RemoteDisconnected, http.client.IncompleteRead):
            answer, closes = Answered(0, fault="closed"), True
        except (OSError, http.client.HTTPException):
            answer, closes = Answered(0, fault="reset"), True
        if closes:
            self.close()
        return answer

    def _send_malformed(self, raw: bytes) -> Answered:
        """Send the bytes and return the first answer; a connection closed without one counts as an answer."""
        try:
            with socket.create_connection(self._address, TIMEOUT_S) as connection:
                with contextlib.suppress(OSError):
                    connection.sendall(raw)
                    connection.shutdown(socket.SHUT_WR)
                answer, _ = _read_answer(connection, b"")
                return answer
        except TimeoutError:
            return Answered(0, fault="timeout")
        except ConnectionRefusedError:
            return Answered(0, fault="reset")
        except (OSError, http.client.HTTPException):
            return Answered(0, fault="closed")


def _read_answer(connection: socket.socket, method: bytes) -> tuple[Answered, bool]:
    """Return the answer, and whether the connection ends with it. Raises OSError or http.client.HTTPException."""
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
