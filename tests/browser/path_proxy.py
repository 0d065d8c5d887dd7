"""A reverse proxy that serves a page below a path, as JupyterHub's does: it takes the path away and passes on the rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from scenarios.waiting import until
from stacks.processes import free_port

PREFIX = "/proxy/8501"
DROPPED = {"content-encoding", "content-length", "transfer-encoding", "connection"}


@contextmanager
def path_proxy(target_port: int) -> Iterator[str]:
    """Serve what listens on `target_port` below `PREFIX`; yield the address of its first page, without a slash at the end."""
    port = free_port()
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{target_port}", trust_env=False, timeout=60)

    async def pass_on(request: Request) -> Response:
        # The browser's host stays, as behind a proxy that is told to keep it: the page answers to its own names only.
        headers = {key: value for key, value in request.headers.items() if key not in DROPPED}
        url = f"/{request.path_params['path']}?{request.url.query}".rstrip("?")
        answer = await client.request(request.method, url, headers=headers, content=await request.body())
        kept = {key: value for key, value in answer.headers.items() if key not in DROPPED}
        return Response(answer.content, answer.status_code, kept)

    async def join(socket: WebSocket) -> None:
        url = f"ws://127.0.0.1:{target_port}/{socket.path_params['path']}?{socket.url.query}".rstrip("?")
        protocols = [Subprotocol(name) for name in socket.scope["subprotocols"]]
        async with connect(url, subprotocols=protocols or None, max_size=None, proxy=None) as server:
            await socket.accept(server.subprotocol)
            await _pass_both_ways(socket, server)

    routes = [
        Route(f"{PREFIX}/{{path:path}}", pass_on, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]),
        WebSocketRoute(f"{PREFIX}/{{path:path}}", join),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, name="path proxy", daemon=True)
    thread.start()
    try:
        until(lambda: server.started, 20, "the proxy")
        yield f"http://127.0.0.1:{port}{PREFIX}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(20)


async def _pass_both_ways(socket: WebSocket, server: ClientConnection) -> None:
    async def upwards() -> None:
        with suppress(WebSocketDisconnect):
            while (message := await socket.receive())["type"] == "websocket.receive":
                content = message.get("bytes")
                await server.send(message["text"] if content is None else content)

    async def downwards() -> None:
        with suppress(ConnectionClosed):
            async for content in server:
                await (socket.send_text(content) if isinstance(content, str) else socket.send_bytes(content))

    tasks = [asyncio.create_task(way()) for way in (upwards, downwards)]
    _done, unfinished = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in unfinished:
        task.cancel()
