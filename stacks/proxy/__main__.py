"""Run the proxies of an instance's edges: `python -m stacks.proxy`. Leases say which of them causes a fault, and until when."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

from settings import Settings
from stacks.edges import Edge, edges_of, with_port
from stacks.proxy.lookup import Rewriter
from stacks.proxy.network import read_fault
from stacks.proxy.server import EdgeProxy, Translate
from workers.process import run

READ_EVERY_S = 0.02


def make_proxy(settings: Settings, edge: Edge, port: int) -> EdgeProxy:
    """Return the proxy of an edge, which does not listen yet."""
    proxy = EdgeProxy(settings.bind, port, edge.port_of_server(settings))
    if edge.protocol == "pulsar":
        proxy.translates = partial(_make_rewriter, with_port(settings.pulsar_url, port))
    return proxy


def _make_rewriter(url: str) -> Translate:
    return Rewriter(url).feed


async def serve(settings: Settings, stop: threading.Event) -> None:
    """Listen for each edge that has a port, and cause the faults of the leases, until `stop` is set."""
    proxies = {
        edge.name: make_proxy(settings, edge, settings.edge_ports[edge.name])
        for edge in edges_of(settings)
        if edge.name in settings.edge_ports
    }
    servers = [await proxy.start() for proxy in proxies.values()]
    while not stop.is_set():
        for name, proxy in proxies.items():
            proxy.cause(read_fault(settings, name))
        await asyncio.sleep(READ_EVERY_S)
    for server in servers:
        server.close()


def main(settings: Settings, stop: threading.Event) -> None:
    asyncio.run(serve(settings, stop))


if __name__ == "__main__":
    run("proxy", main)
