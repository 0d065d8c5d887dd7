"""Each request, counted and traced."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telemetry import tracing
from telemetry.metrics import METRICS


class Telling:
    """ASGI middleware. While traces are on, what follows a request continues the request's own span."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = [500]

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "other"
        given = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1") or None
        attributes = {"http.request.method": method, "url.path": scope["path"]}
        span = tracing.begin(f"HTTP {method}", given, attributes, kind="server") if _traced(scope) else None
        if span is not None:
            others = [(name, value) for name, value in scope["headers"] if name != b"traceparent"]
            own = (b"traceparent", tracing.traceparent(span).encode("ascii"))
            scope = {**scope, "headers": [*others, own]}
        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            METRICS.count("http_requests", (method, route, str(status[0])))
            if span is not None:
                span.set_attributes({"http.response.status_code": status[0], "http.route": route})
                span.end()


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _traced(scope: Scope) -> bool:
    return tracing.enabled() and str(scope["path"]).startswith("/commissions")
