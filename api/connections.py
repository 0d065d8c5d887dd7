"""Close the connections of clients that stay silent.

uvicorn has a deadline of its own only between two requests: from an answer until the next request begins.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE_S = 10.0
"""How long a client may take to send the head of a request, and how long it may pause between two chunks of the body."""


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose client is silent for `IDLE_S`. No deadline runs while the server works on an answer."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            self._cancel_deadline()
        elif self.conn.their_state is h11.SEND_BODY:
            self._cancel_deadline()
            self._start_deadline()
        elif self.conn.their_state is h11.IDLE:
            self._start_deadline()  # bytes of an unfinished head do not extend its deadline
        else:
            self._cancel_deadline()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._cancel_deadline()  # uvicorn's own deadline runs until the next request begins

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        super().connection_lost(exc)

    def _start_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(IDLE_S, self._close_connection)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_connection(self) -> None:
        self._deadline = None
        self.transport.close()
