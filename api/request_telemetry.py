"""Count and trace each request."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telemetry import tracing
from telemetry.metrics import METRICS


class RequestTelemetry:
    """ASGI middleware. While traces are on, the handling of a request continues the request's span."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # when the application raises before it answers

        async def send_and_keep_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "other"
        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1") or None
        attributes = {"http.request.method": method, "url.path": scope["path"]}
        span = tracing.begin(f"HTTP {method}", parent, attributes, kind="server") if _is_traced(scope) else None
        if span is not None:
            other_headers = [(name, value) for name, value in scope["headers"] if name != b"traceparent"]
            own_header = (b"traceparent", tracing.traceparent(span).encode("ascii"))
            scope = {**scope, "headers": [*other_headers, own_header]}
        try:
            await self._app(scope, receive, send_and_keep_status)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            METRICS.count("http_requests", (method, route, str(status)))
            if span is not None:
                span.set_attributes({"http.response.status_code": status, "http.route": route})
                span.end()


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _is_traced(scope: Scope) -> bool:
    return tracing.enabled() and str(scope["path"]).startswith("/commissions")
