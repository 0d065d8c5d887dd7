"""Connections on which a client says nothing are closed: uvicorn alone closes them only after an answer."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE_S = 10.0
"""How long a client may take for the head of a request, and between two pieces of its body."""


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that waits `IDLE_S` seconds for a client. While the server works on an answer no clock runs."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            self._wait_no_more()
        elif self.conn.their_state is h11.SEND_BODY:
            self._wait_no_more()
            self._wait()
        elif self.conn.their_state is h11.IDLE:
            self._wait()  # the clock of a head goes on however slowly its bytes drip in
        else:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._wait_no_more()  # uvicorn's own clock runs until the next request begins

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(IDLE_S, self._close)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self._deadline = None
        self.transport.close()
