"""Send the home page with its diagram drawn, so that a visitor sees the pattern and its counts before Streamlit's page runs.

Streamlit's page is empty until the browser has run two megabytes of JavaScript, connected, and received the elements: one to two
seconds. The diagram is SVG that the server makes anyway. It is shown above the empty page, and taken away when the page has
drawn its own.
"""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import parse_qs

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import i18n

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"
STYLES = ("live", "diagram", "first_sight")
WITHOUT = ("present", "embed")
"""Parameters of views that look different."""
END = b"</body>"
COUNTED_WITHIN_S = 3.0
"""How long the first visitor of a server waits for the first count of the database; the browser loads the page's files meanwhile."""


class FirstSight:
    """ASGI middleware. Only the home page of an instance without a login is changed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not _is_home(scope):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, Insertion(scope, send).send)


class Insertion:
    """Pass an answer on; if it is a page, insert what is drawn at its end."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_plain_page(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        changed = (b"content-length", b"etag", b"last-modified", b"cache-control")
        headers = [(name, value) for name, value in start["headers"] if name.lower() not in changed]
        await self._send({**start, "headers": [*headers, (b"cache-control", b"no-store")]})
        before, end, after = self._body.rpartition(END)
        await self._send({"type": "http.response.body", "body": before, "more_body": True})
        try:
            drawn = await run_in_threadpool(draw, *_read_wishes(self._scope))
        except Exception:  # the page itself works without it, and says what is wrong
            log.exception("the page is sent without its diagram")
            drawn = ""
        await self._send({"type": "http.response.body", "body": drawn.encode() + end + after})


def _is_home(scope: Scope) -> bool:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return bool(scope["path"].strip("/") == base)


def _is_plain_page(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    is_page = headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
    return bool(start["status"] == 200 and is_page)


def _read_wishes(scope: Scope) -> tuple[dict[str, list[str]], str | None]:
    """Return the URL's parameters, and the first language of the browser."""
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    accepted = Headers(scope=scope).get("accept-language", "")
    return query, accepted.partition(",")[0].partition(";")[0].strip() or None


def draw(query: dict[str, list[str]], locale: str | None) -> str:
    """Return the HTML with the diagram as it is now.

    It is empty where the visitor may have to log in or wants another view, and when the database could not be counted.
    """
    # Slow to load, and the server must answer before.
    from dashboard import resources
    from dashboard.components import diagram_card

    if resources.settings().oidc_metadata_url or any(name in query for name in WITHOUT):
        return ""
    if not resources.refresher().await_count(COUNTED_WITHIN_S):
        return ""
    language = i18n.chosen(locale, query.get("lang", [""])[-1])
    with i18n.speaking_to(i18n.Visitor(language, locale, None)):
        return _page(diagram_card.draw())


def _page(diagram: str) -> str:
    style = "".join((ASSETS / f"{name}.css").read_text(encoding="utf-8") for name in STYLES)
    script = (ASSETS / "first_sight.js").read_text(encoding="utf-8")
    logo = (ASSETS / "logo.svg").read_text(encoding="utf-8")
    return (
        f'<div id="first-sight" class="alpes-live" aria-hidden="true" inert><style>{_colours()}{style}</style>'
        f'<div class="logo">{logo}</div><div class="card">{diagram}</div></div><script>{script}</script>'
    )


def _colours() -> str:
    """Return the theme's colours under the names that Streamlit's page gives them."""
    options = {
        "text": "textColor",
        "background": "backgroundColor",
        "secondary-background": "secondaryBackgroundColor",
        "border": "borderColor",
    }
    schemes = ("light", "dark")
    pairs = {
        name: ",".join(st.get_option(f"theme.{scheme}.{option}") for scheme in schemes)
        for name, option in options.items()
    }
    declared = ";".join(f"--st-{name}-color:light-dark({pair})" for name, pair in pairs.items())
    return f"#first-sight{{{declared}}}"
