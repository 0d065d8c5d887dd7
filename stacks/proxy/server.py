"""Pass bytes between the two ends of one edge, and cause a network fault while it is set."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from stacks.proxy.network import Network

CHUNK = 64 * 1024
WAITING_CHUNKS = 256
"""Chunks of one direction that may wait in the proxy; then its sender has to wait, as with a full buffer of the kernel."""
PIECE = 512
"""Bytes that a slow edge passes at once."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with a time of 0: closing sends RST."""
HOLDS = ("black-hole", "half-open")

Translate = Callable[[bytes], bytes]


@dataclass(eq=False, slots=True)
class Connection:
    """One client's connection and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    is_orphaned: bool = False
    """Whether its server's side was closed by a half-open fault."""
    has_unanswered: bool = False
    """Whether its client sent something after that, which a kernel would send again."""

    def reset(self) -> None:
        """End both sides with RST."""
        for writer in (self.client, self.server):
            if writer is not None:
                _reset(writer)


@dataclass(slots=True)
class Direction:
    """One of the two directions of an edge: when its next byte may pass, over all connections."""

    free_at: float = 0.0


@dataclass(eq=False, slots=True)
class EdgeProxy:
    """The proxy of one edge. `cause` sets its fault and ends it."""

    host: str
    port: int
    server_port: int
    translates: Callable[[], Translate] = lambda: lambda chunk: chunk
    """Makes, for each connection, the function through which the server's bytes pass."""
    rng: random.Random = field(default_factory=random.Random)
    fault: Network | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: set[Connection] = field(default_factory=set)
    _requests: Direction = field(default_factory=Direction)
    _answers: Direction = field(default_factory=Direction)

    async def start(self) -> asyncio.Server:
        """Listen. Raises OSError."""
        return await asyncio.start_server(self._serve, self.host, self.port, limit=CHUNK)

    def cause(self, fault: Network | None) -> None:
        """Set the fault; None ends it."""
        if fault == self.fault:
            return
        self.fault = fault
        self._changed.set()
        self._changed = asyncio.Event()
        for connection in list(self._connections):
            if connection.has_unanswered or (fault is not None and fault.kind == "reset"):
                connection.reset()
            elif fault is not None and fault.kind == "half-open" and connection.server is not None:
                connection.is_orphaned = True
                _reset(connection.server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(writer)
        self._connections.add(connection)
        try:
            if not self._has("reset"):
                await self._connect(connection, reader)
        except* OSError:
            pass  # one of both sides is gone, so the other one ends too
        finally:
            connection.reset()
            self._connections.discard(connection)

    async def _connect(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        """Connect to the server, and pass both directions until their ends."""
        await self._wait_while_held()
        await self._wait_until(self._due())
        from_server, connection.server = await asyncio.open_connection(self.host, self.server_port, limit=CHUNK)
        for writer in (connection.client, connection.server):
            _send_at_once(writer)
        async with asyncio.TaskGroup() as group:
            as_it_is = self._pass(connection, reader, connection.server, self._requests, lambda chunk: chunk)
            translated = self._pass(connection, from_server, connection.client, self._answers, self.translates())
            group.create_task(as_it_is)
            group.create_task(translated)

    async def _pass(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: Direction,
        translate: Translate,
    ) -> None:
        """Pass the bytes of one direction until its end, which is passed too."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_CHUNKS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(connection, reader, waiting, direction is self._requests))
            while True:
                due_at, chunk = await waiting.get()
                await self._wait_while_held()
                await self._wait_until(due_at)
                if not chunk:
                    break
                if not connection.is_orphaned:
                    await self._write(writer, translate(chunk), direction)
        if connection.is_orphaned and direction is self._answers:
            return  # the client must not learn of the end
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _read(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        waiting: asyncio.Queue[tuple[float, bytes]],
        is_request: bool,
    ) -> None:
        due_at = 0.0
        while True:
            try:
                chunk = await reader.read(CHUNK)
            except OSError:
                chunk = b""
            if chunk and is_request and connection.is_orphaned:
                self._lose(connection)
            else:
                due_at = max(due_at, self._due())
                await waiting.put((due_at, chunk))
            if not chunk:
                return

    def _lose(self, connection: Connection) -> None:
        """Lose what the client of a half-open connection sent. After the fault, the server answers it with RST."""
        connection.has_unanswered = True
        if not self._has("half-open"):
            connection.reset()

    async def _write(self, writer: asyncio.StreamWriter, chunk: bytes, direction: Direction) -> None:
        loop = asyncio.get_running_loop()
        while chunk:
            fault = self.fault
            piece = chunk
            if fault is not None and fault.kind == "bandwidth":
                piece = chunk[:PIECE]
                direction.free_at = max(direction.free_at, loop.time()) + len(piece) / fault.bytes_per_s
                await self._wait_until(direction.free_at)
            writer.write(piece)
            await writer.drain()
            chunk = chunk[len(piece) :]

    def _has(self, kind: str) -> bool:
        return self.fault is not None and self.fault.kind == kind

    def _due(self) -> float:
        """Return the loop's time at which what is sent now arrives."""
        fault = self.fault
        now = asyncio.get_running_loop().time()
        if fault is None or fault.kind != "latency":
            return now
        return now + fault.latency_s + self.rng.uniform(0, fault.jitter_s)

    async def _wait_while_held(self) -> None:
        while self.fault is not None and self.fault.kind in HOLDS:
            await self._changed.wait()

    async def _wait_until(self, at: float) -> None:
        """Wait until the loop's time is `at`, or until the fault changes."""
        seconds = at - asyncio.get_running_loop().time()
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)


def _send_at_once(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
