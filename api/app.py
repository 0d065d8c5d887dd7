"""Define the endpoints. They translate between HTTP and `application`, which handles commands and reads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import control, problems
from api.body import read_json_body
from api.guard import Guard
from api.models import ID_PATTERN, ApproveBody, CalculateBody, CommandAnswer, CommissionAnswer
from api.request_telemetry import RequestTelemetry
from application import Application
from db import queries
from db.errors import DatabaseUnavailable
from db.migrate import newest, revision
from domain import contract
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from stacks.metrics import exposition
from stacks.probes import PendingAnswer, Probes

ANSWERS_WITHIN_S = 1.0
"""A readiness probe waits for 2 s, and a refusal within that time says more than no answer."""
METRICS_WITHIN_S = 4.0
REMEMBERS_S = 5.0
"""How long a command that could not be written in time makes the API not ready, if no other one follows."""
WRITES_WITHIN_S = 2.0
"""A command that takes longer makes the API not ready."""
LOOKS_EVERY_S = 0.005
Answer = TypeVar("Answer")
REFUSALS = problems.document(400, 401, 403, 409, 413, 415, 422, 429, 503)


Trace = Annotated[str | None, Header(alias="traceparent")]
Correlation = Annotated[
    str | None,
    Header(
        alias="X-Correlation-Id",
        min_length=1,
        max_length=contract.IDENTIFIER_LENGTH,
        pattern=ID_PATTERN,
        description="Groups the events of several requests; a new id when absent.",
    ),
]


def create_app(application: Application) -> FastAPI:
    """Return the ASGI application for an open `Application`, which it closes when it ends."""

    @asynccontextmanager
    async def close_at_end(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(application.close)

    app = FastAPI(title="Alpes Commissions", version="1", lifespan=close_at_end)
    problems.install(app)
    app.add_middleware(Guard, settings=application.settings)
    app.add_middleware(RequestTelemetry)

    unwritten = Unwritten()
    _add_commands(app, application, unwritten)
    _add_queries(app, application)
    _add_operations(app, application, unwritten)
    control_router = control.router(application)
    if control_router is not None:
        app.include_router(control_router)
    return app


class Unwritten:
    """Whether the database does not write commands, which a read does not show: its disk may be full.

    It may refuse the last command, or keep one waiting: for a slow disk, or for space, as MySQL does for a minute.
    """

    def __init__(self) -> None:
        self._failed_at: float | None = None
        """When the last command failed, or was written late at last; None: it was written in time."""
        self._guard = threading.Lock()
        self._begun_at: dict[object, float] = {}
        """When each command in progress was begun."""

    @property
    def lately(self) -> bool:
        now = time.monotonic()
        if self._failed_at is not None and now - self._failed_at < REMEMBERS_S:
            return True
        with self._guard:
            return any(now - begun_at > WRITES_WITHIN_S for begun_at in self._begun_at.values())

    def send(self, application: Application, command: Command) -> CommissionResult:
        """Send a command, and remember whether it could be written. Raises what `Application.send` raises."""
        progress, begun_at = object(), time.monotonic()
        with self._guard:
            self._begun_at[progress] = begun_at
        try:
            result = application.send(command)
        except DatabaseUnavailable:
            self._failed_at = time.monotonic()
            raise
        finally:
            with self._guard:
                del self._begun_at[progress]
        now = time.monotonic()
        self._failed_at = now if now - begun_at > WRITES_WITHIN_S else None
        return result


def _add_commands(app: FastAPI, application: Application, unwritten: Unwritten) -> None:
    async def send(command: Command) -> CommandAnswer:
        return CommandAnswer.from_result(await run_in_threadpool(unwritten.send, application, command))

    @app.post(
        "/commissions/calculate",
        status_code=201,
        responses=REFUSALS,
        openapi_extra=_describe_body(CalculateBody),
        tags=["commands"],
    )
    async def calculate(
        body: Annotated[CalculateBody, Depends(_parse_body_as(CalculateBody))],
        trace: Trace = None,
        correlation: Correlation = None,
    ) -> CommandAnswer:
        """Calculate the commission of a conversion; write it and its outbox row in one transaction."""
        return await send(
            CalculateCommission(
                body.conversionId,
                body.affiliateId,
                body.campaignId,
                body.grossAmount,
                body.currency,
                correlation,
                _valid_trace(trace),
            )
        )

    @app.post(
        "/commissions/approve",
        responses=REFUSALS | problems.document(404),
        openapi_extra=_describe_body(ApproveBody),
        tags=["commands"],
    )
    async def approve(
        body: Annotated[ApproveBody, Depends(_parse_body_as(ApproveBody))],
        trace: Trace = None,
        correlation: Correlation = None,
    ) -> CommandAnswer:
        """Approve a commission. A repeated approval answers `changed: false` and writes nothing."""
        return await send(ApproveCommission(body.commissionId, correlation, _valid_trace(trace)))


def _add_queries(app: FastAPI, application: Application) -> None:
    @app.get(
        "/commissions/by-conversion/{id:path}", responses=problems.document(401, 404, 422, 429, 503), tags=["queries"]
    )
    def by_conversion(
        id: Annotated[str, Path(min_length=1, max_length=contract.IDENTIFIER_LENGTH, pattern=ID_PATTERN)],
    ) -> CommissionAnswer:
        """Return the commission of a conversion from the database."""
        with application.reading() as connection:
            row = queries.commission_by_conversion(connection, id)
        if row is None:
            raise HTTPException(404, f"no commission for conversion {id}")
        return CommissionAnswer.from_row(row)


def _read_schema(application: Application) -> str:
    with application.reading() as connection:
        return revision(connection)


def _add_operations(app: FastAPI, application: Application, unwritten: Unwritten) -> None:
    schemas: Probes[str] = Probes()
    expositions: Probes[bytes] = Probes()

    @app.get("/health", tags=["operations"])
    async def health() -> dict[str, str]:
        """Say that the process runs. This needs no thread, so it is answered while all threads wait for the database."""
        return {"status": "ok"}

    @app.get("/ready", responses=problems.document(503), tags=["operations"])
    async def ready() -> dict[str, str]:
        """Say that commands are accepted: the database answers and has the schema that this program needs."""
        schema = await _wait_for(schemas.start("schema", lambda: _read_schema(application)), ANSWERS_WITHIN_S)
        if schema is None:
            raise HTTPException(503, f"the database gives no answer within {ANSWERS_WITHIN_S:g} s")
        if schema != newest():
            raise HTTPException(
                503, f"the schema is at {schema or 'nothing'}, this program needs {newest()}: run ./alpes migrate"
            )
        if unwritten.lately:
            raise HTTPException(503, "the database could not write the last command")
        return {"status": "ready", "schema": schema}

    @app.get("/metrics", responses=problems.document(401, 429), response_class=Response, tags=["operations"])
    async def metrics() -> Response:
        """Return the counters of all components in Prometheus' text format."""
        pending = expositions.start("metrics", lambda: exposition(application.settings, application.engine))
        text = await _wait_for(pending, METRICS_WITHIN_S)
        if text is None:
            raise HTTPException(503, f"the counters cannot be read within {METRICS_WITHIN_S:g} s")
        return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _wait_for(pending: PendingAnswer[Answer], within_s: float) -> Answer | None:
    """Return the answer, None if there is none in time. It needs no thread of the pool: all of these may wait for the database."""
    deadline = time.monotonic() + within_s
    while not pending.has_ended and time.monotonic() < deadline:
        await asyncio.sleep(LOOKS_EVERY_S)
    return pending.wait(0)


def _valid_trace(value: str | None) -> str | None:
    # W3C Trace Context: ignore a malformed traceparent, and do not refuse the request for it.
    return value if value and contract.is_traceparent(value) else None


def _parse_body_as(model: type[BaseModel]) -> Any:
    async def parse(request: Request) -> BaseModel:
        body = await read_json_body(request)
        try:
            return model.model_validate(body)
        except ValidationError as error:
            raise RequestValidationError(
                error.errors(include_input=False, include_url=False, include_context=False)
            ) from None

    return parse


def _describe_body(model: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}
