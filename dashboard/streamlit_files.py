"""Serve the files of Streamlit's own page from memory, and name those that the browser asks for late.

A first visit asks for a hundred of them. Streamlit reads each from the disk in a thread, some 5 ms of the server's processor
per file. The names contain a hash of the contents, so what is kept never changes and a browser may keep it for ever.

Streamlit's page asks for the module of an element when the first such element arrives. A `Link` header names the modules that
every page of ours needs, so that the browser fetches them while it runs the others.
"""

from __future__ import annotations

import mimetypes
import re
from functools import cache
from pathlib import Path

import streamlit
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILES = Path(streamlit.__file__).parent / "static" / "static"
"""Streamlit's files with a hash in their names; its page asks for them below `/static/`."""
PREFIX = "/static/"
CACHED = {"cache-control": "public, immutable, max-age=31536000"}

LATE_MODULES = (
    "BidiComponent",
    "Button",
    "ButtonGroup",
    "Checkbox",
    "Html",
    "NumberInput",
    "PageLink",
    "Selectbox",
    "TextInput",
)
"""The elements that every page or the first one draws, by the names of Streamlit's modules."""
_IMPORTED = re.compile(r'(?:from|import)\s*"\./([\w.-]+\.js)"')


class StreamlitFiles:
    """ASGI middleware. What is not one of Streamlit's files goes to the application behind it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._names = frozenset(str(path.relative_to(FILES)) for path in FILES.glob("*/*") if path.is_file())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _before, static, name = scope["path"].partition(PREFIX)
        if static and name in self._names and scope["method"] == "GET":
            await _read(name)(scope, receive, send)
            return

        async def name_modules(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                message = {**message, "headers": [*message["headers"], (b"link", _link_header())]}
            await send(message)

        await self._app(scope, receive, name_modules)


@cache
def _read(name: str) -> Response:
    """Return the answer with this file; `name` is relative to `FILES`."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response((FILES / name).read_bytes(), media_type=kind, headers=CACHED)


def _is_page(start: Message) -> bool:
    return any(key.lower() == b"content-type" and value.startswith(b"text/html") for key, value in start["headers"])


@cache
def _link_header() -> bytes:
    return ", ".join(f"<.{PREFIX}js/{name}>; rel=modulepreload" for name in list_late_modules()).encode()


@cache
def list_late_modules() -> tuple[str, ...]:
    """Return the file names of the modules that arrive late, and of what they import, without those the page itself names."""
    named = set(re.findall(r"[\w.-]+\.js", (FILES.parent / "index.html").read_text(encoding="utf-8")))
    late: dict[str, None] = {}
    waiting = [path.name for module in LATE_MODULES for path in sorted((FILES / "js").glob(f"{module}.*.js"))]
    while waiting:
        name = waiting.pop()
        if name in named or name in late:
            continue
        late[name] = None
        waiting += _IMPORTED.findall((FILES / "js" / name).read_text(encoding="utf-8"))
    return tuple(sorted(late))
