"""Test what is counted of a request and recorded in its trace, whatever the application does with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import request_telemetry
from api.request_telemetry import RequestTelemetry
from settings import Settings
from telemetry import tracing
from telemetry.metrics import Metrics

CALLER = "00-11111111111111111111111111111111-2222222222222222-01"


class Route:
    path = "/commissions/by-conversion/{conversion_id:path}"


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    metrics = Metrics()
    monkeypatch.setattr(request_telemetry, "METRICS", metrics)
    return metrics


@pytest.fixture
def spans(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "spans.jsonl"
    tracing.start(Settings(home=tmp_path, traces_file=file), "api")
    yield file
    tracing.stop()


def counted(metrics: Metrics) -> list[Any]:
    return [labels for name, labels, _value in json.loads(metrics.to_json())["counters"] if name == "http_requests"]


def request(app: ASGIApp, path: str = "/commissions/approve", method: str = "GET", **scope: Any) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    whole: dict[str, Any] = {"type": "http", "path": path, "method": method, "headers": [], **scope}
    asyncio.run(RequestTelemetry(app)(whole, receive, send))
    return sent


async def answering(scope: Scope, _receive: Receive, send: Send) -> None:
    scope["route"] = Route()
    await send({"type": "http.response.start", "status": 202})
    await send({"type": "http.response.body", "body": b""})


async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError("a defect")


def test_an_answer_is_passed_on_and_counted(metrics: Metrics) -> None:
    assert [message["type"] for message in request(answering)] == ["http.response.start", "http.response.body"]
    assert counted(metrics) == [["GET", Route.path, "202"]]


def test_a_request_that_no_route_takes_adds_no_label_of_its_own(metrics: Metrics) -> None:
    """Else every scanned path would be a time series."""

    async def not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404})

    request(not_found, path="/wp-admin/1", method="PROPFIND")
    assert counted(metrics) == [["other", "none", "404"]]


def test_a_request_whose_handling_raises_is_counted_as_500(metrics: Metrics) -> None:
    with pytest.raises(RuntimeError, match="a defect"):
        request(failing)
    assert counted(metrics) == [["GET", "none", "500"]]


def test_what_is_no_request_is_passed_on_and_not_counted(metrics: Metrics) -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    request(app, type="lifespan")
    assert (seen, counted(metrics)) == (["lifespan"], [])


def test_the_endpoint_sees_the_span_of_its_request_which_continues_the_callers(metrics: Metrics, spans: Path) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend(scope["headers"])
        await answering(scope, receive, send)

    request(app, method="POST", headers=[(b"traceparent", CALLER.encode()), (b"accept", b"*/*")])
    tracing.stop()
    (span,) = map(json.loads, spans.read_text().splitlines())
    assert (span["name"], span["kind"], span["parent_id"]) == ("HTTP POST", "SpanKind.SERVER", "0x2222222222222222")
    assert span["attributes"]["http.response.status_code"] == 202
    own = f"00-{'1' * 32}-{span['context']['span_id'].removeprefix('0x')}-01".encode()
    assert sorted(seen) == [(b"accept", b"*/*"), (b"traceparent", own)]


def test_requests_beside_the_commands_have_no_span(metrics: Metrics, spans: Path) -> None:
    request(answering, path="/health")
    tracing.stop()
    assert not spans.exists() or spans.read_text() == ""
