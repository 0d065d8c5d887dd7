"""The endpoints. Commands and reads go through `application`; this file only translates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import control, problems
from api.body import json_body
from api.guard import Guard
from api.models import ID_PATTERN, ApproveBody, CalculateBody, CommandAnswer, CommissionAnswer
from api.telling import Telling
from application import Application
from db import queries
from db.migrate import newest, revision
from domain import contract
from domain.commands import ApproveCommission, CalculateCommission, Command
from stacks.metrics import exposition

REFUSALS = problems.documented(400, 401, 403, 409, 413, 415, 422, 429, 503)


def create_app(application: Application) -> FastAPI:
    """The ASGI application on an open `Application`, which it closes at its end."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(application.close)

    app = FastAPI(title="Alpes Commissions", version="1", lifespan=life)
    problems.install(app)
    app.add_middleware(Guard, settings=application.settings)
    app.add_middleware(Telling)

    async def send(command: Command) -> CommandAnswer:
        return CommandAnswer.of(await run_in_threadpool(application.send, command))

    @app.post(
        "/commissions/calculate",
        status_code=201,
        responses=REFUSALS,
        openapi_extra=_takes(CalculateBody),
        tags=["commands"],
    )
    async def calculate(
        body: Annotated[CalculateBody, Depends(_body(CalculateBody))],
        trace: Trace = None,
        correlation: Correlation = None,
    ) -> CommandAnswer:
        """Calculate the commission of a conversion: the commission and its outbox row, in one transaction."""
        return await send(
            CalculateCommission(
                body.conversionId,
                body.affiliateId,
                body.campaignId,
                body.grossAmount,
                body.currency,
                correlation,
                _trace(trace),
            )
        )

    @app.post(
        "/commissions/approve",
        responses=REFUSALS | problems.documented(404),
        openapi_extra=_takes(ApproveBody),
        tags=["commands"],
    )
    async def approve(
        body: Annotated[ApproveBody, Depends(_body(ApproveBody))], trace: Trace = None, correlation: Correlation = None
    ) -> CommandAnswer:
        """Approve a commission; approving again answers `changed: false` and writes nothing."""
        return await send(ApproveCommission(body.commissionId, correlation, _trace(trace)))

    @app.get(
        "/commissions/by-conversion/{id:path}", responses=problems.documented(401, 404, 422, 429, 503), tags=["queries"]
    )
    def by_conversion(
        id: Annotated[str, Path(min_length=1, max_length=contract.IDENTIFIER_LENGTH, pattern=ID_PATTERN)],
    ) -> CommissionAnswer:
        """The commission of a conversion, read straight from the database."""
        with application.reading() as connection:
            row = queries.commission_by_conversion(connection, id)
        if row is None:
            raise HTTPException(404, f"no commission for conversion {id}")
        return CommissionAnswer.of(row)

    @app.get("/health", tags=["operations"])
    async def health() -> dict[str, str]:
        """The process is up: answered without a thread, so also while every thread waits for the database."""
        return {"status": "ok"}

    @app.get("/ready", responses=problems.documented(503), tags=["operations"])
    def ready() -> dict[str, str]:
        """Commands can be taken: the database answers, and its schema is the one this program was made for."""
        with application.reading() as connection:
            found = revision(connection)
        if found != newest():
            raise HTTPException(503, f"the schema is at {found or 'nothing'}, this program needs {newest()}: migrate")
        return {"status": "ready", "schema": found}

    @app.get("/metrics", responses=problems.documented(401, 429), response_class=Response, tags=["operations"])
    def metrics() -> Response:
        """Every part's counters, in Prometheus' text format."""
        return Response(exposition(application.settings, application.engine), media_type=CONTENT_TYPE_LATEST)

    control_router = control.router(application)
    if control_router is not None:
        app.include_router(control_router)
    return app


Trace = Annotated[str | None, Header(alias="traceparent")]
Correlation = Annotated[
    str | None,
    Header(
        alias="X-Correlation-Id",
        min_length=1,
        max_length=contract.IDENTIFIER_LENGTH,
        pattern=ID_PATTERN,
        description="Groups the events of several requests; made up when absent.",
    ),
]


def _trace(value: str | None) -> str | None:
    # W3C: a malformed traceparent is ignored, the request is not refused for it.
    return value if value and contract.is_traceparent(value) else None


def _body(model: type[BaseModel]) -> Any:
    async def parse(request: Request) -> BaseModel:
        body = await json_body(request)
        try:
            return model.model_validate(body)
        except ValidationError as error:
            raise RequestValidationError(
                error.errors(include_input=False, include_url=False, include_context=False)
            ) from None

    return parse


def _takes(model: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}
