"""The proxy of an edge passes everything unchanged, and causes each fault for as long as it is set."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.processes import free_port
from stacks.proxy import lookup
from stacks.proxy.lookup import Rewriter, encode_bytes
from stacks.proxy.network import Network, from_parameters
from stacks.proxy.server import EdgeProxy

HOST = "127.0.0.1"
URL = "pulsar://127.0.0.1:7777"
ANSWERS_S = 5.0
SILENT_S = 0.3


@asynccontextmanager
async def _edge() -> AsyncIterator[EdgeProxy]:
    """A proxy in front of a server that answers each chunk with the same bytes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(1000):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    proxy = EdgeProxy(HOST, free_port(), server.sockets[0].getsockname()[1], rng=random.Random(1))
    front = await proxy.start()
    try:
        yield proxy
    finally:
        proxy.cause(None)
        front.close()
        server.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, text: bytes, within_s: float = ANSWERS_S) -> float:
        """Seconds until the whole answer. Raises TimeoutError, or OSError at the connection's end."""
        began = time.monotonic()
        self._writer.write(text)
        await self.hear(text, within_s)
        return time.monotonic() - began

    async def hear(self, text: bytes, within_s: float = ANSWERS_S) -> None:
        try:
            answer = await asyncio.wait_for(self._reader.readexactly(len(text)), within_s)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError from error
        assert answer == text


async def _connect(proxy: EdgeProxy) -> Client:
    return Client(*await asyncio.open_connection(HOST, proxy.port))


def _on_an_edge(act: Callable[[EdgeProxy, Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with _edge() as proxy:
            client = await _connect(proxy)
            await client.ask(b"before")
            await act(proxy, client)

    asyncio.run(run())


def test_many_bytes_pass_unchanged() -> None:
    async def act(proxy: EdgeProxy, client: Client) -> None:
        await client.ask(random.Random(2).randbytes(1_000_000))

    _on_an_edge(act)


def test_latency_delays_both_directions_and_ends() -> None:
    async def act(proxy: EdgeProxy, client: Client) -> None:
        proxy.cause(Network("latency", latency_s=0.2, jitter_s=0.05))
        assert await client.ask(b"slow") >= 0.4
        proxy.cause(None)
        assert await client.ask(b"quick") < 0.4

    _on_an_edge(act)


def test_nothing_passes_a_black_hole_and_everything_arrives_after_it() -> None:
    async def act(proxy: EdgeProxy, client: Client) -> None:
        proxy.cause(Network("black-hole"))
        with pytest.raises(TimeoutError):
            await client.ask(b"lost?", SILENT_S)
        late = await _connect(proxy)
        with pytest.raises(TimeoutError):
            await late.ask(b"new", SILENT_S)
        proxy.cause(None)
        await client.hear(b"lost?")
        await late.hear(b"new")

    _on_an_edge(act)


def test_connections_are_reset_new_ones_too() -> None:
    async def act(proxy: EdgeProxy, client: Client) -> None:
        proxy.cause(Network("reset"))
        for each in (client, await _connect(proxy)):
            with pytest.raises(OSError):
                await each.ask(b"?")
        proxy.cause(None)
        await (await _connect(proxy)).ask(b"again")

    _on_an_edge(act)


@pytest.mark.parametrize("sends", [True, False])
def test_the_client_of_a_half_open_connection_learns_nothing_until_it_sends_after_the_fault(sends: bool) -> None:
    async def act(proxy: EdgeProxy, client: Client) -> None:
        proxy.cause(Network("half-open"))
        if sends:
            with pytest.raises(TimeoutError):
                await client.ask(b"unheard", SILENT_S)
        proxy.cause(None)
        if not sends:
            with pytest.raises(TimeoutError):
                await client.hear(b"?", SILENT_S)
        with pytest.raises(OSError):
            await client.ask(b"more")
        await (await _connect(proxy)).ask(b"again")

    _on_an_edge(act)


def test_bandwidth_is_shared_by_all_connections() -> None:
    async def act(proxy: EdgeProxy, client: Client) -> None:
        proxy.cause(Network("bandwidth", bytes_per_s=4000))
        other = await _connect(proxy)
        began = time.monotonic()
        await asyncio.gather(client.ask(b"a" * 1000), other.ask(b"b" * 1000))
        assert time.monotonic() - began >= 0.45
        proxy.cause(None)
        assert await client.ask(b"c" * 100_000) < ANSWERS_S

    _on_an_edge(act)


def test_the_end_of_a_connection_passes() -> None:
    async def run() -> None:
        async with _edge() as proxy:
            reader, writer = await asyncio.open_connection(HOST, proxy.port)
            writer.write(b"bye")
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), ANSWERS_S) == b"bye"

    asyncio.run(run())


def _frame(command: bytes, rest: bytes = b"") -> bytes:
    return (4 + len(command) + len(rest)).to_bytes(4, "big") + len(command).to_bytes(4, "big") + command + rest


def _answer(url: bytes) -> bytes:
    response = encode_bytes(1, url) + b"\x18\x01" + b"\x20\x96\x01" + encode_bytes(7, b"said")
    return _frame(b"\x08\x18" + encode_bytes(lookup.LOOKUP_RESPONSE, response))


OTHER = _frame(b"\x08\x09" + encode_bytes(9, b"pulsar://127.0.0.1:6650"), b"a message with pulsar://127.0.0.1:6650")


@given(st.lists(st.booleans(), max_size=6), st.lists(st.integers(1, 40), min_size=1, max_size=40))
def test_only_answers_to_lookups_are_rewritten_however_the_bytes_are_cut(kinds: list[bool], cuts: list[int]) -> None:
    sent = b"".join(_answer(b"pulsar://127.0.0.1:6650") if kind else OTHER for kind in kinds)
    expected = b"".join(_answer(URL.encode()) if kind else OTHER for kind in kinds)
    rewriter, passed, at = Rewriter(URL), b"", 0
    for cut in cuts:
        passed += rewriter.feed(sent[at : at + cut])
        at += cut
    assert passed + rewriter.feed(sent[at:]) == expected


def test_what_is_no_frame_passes_as_it_is() -> None:
    rewriter = Rewriter(URL)
    assert (
        rewriter.feed(b"HTTP/1.1 400 Bad Request\r\n") + rewriter.feed(b"\r\n") == b"HTTP/1.1 400 Bad Request\r\n\r\n"
    )


def test_parameters_that_name_no_fault_cause_none() -> None:
    assert from_parameters(Network("reset").to_parameters()) == Network("reset")
    assert from_parameters({"kind": "sharks"}) is None
    assert from_parameters({"delay_ms": 3}) is None


def test_a_free_port_is_refused_without_a_proxy() -> None:
    """The tests above connect to the proxy: without it nobody would listen there."""
    with pytest.raises(OSError):
        socket.create_connection((HOST, free_port()), 1)
