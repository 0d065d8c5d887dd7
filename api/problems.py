"""Answer every failure with problem details (RFC 9457)."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from application.permissions import Forbidden
from db.errors import DatabaseUnavailable, UnstorableData
from domain.errors import ConcurrentChange, DuplicateConversion, InvalidField, Refusal, TooLarge, UnknownCommission

log = logging.getLogger(__name__)

TITLES = {
    400: "The request cannot be read",
    401: "The token is missing or wrong",
    403: "Not allowed here",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "The request is too large",
    415: "Only application/json is understood",
    422: "A field does not hold what it must",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "The database is not available",
}


class FieldError(BaseModel):
    field: str
    reason: str


class Problem(BaseModel):
    """Problem details, with the invalid fields and, for a duplicate, the existing commission."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
    commissionId: str | None = None


def build_response(status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> JSONResponse:
    problem = Problem(title=TITLES.get(status, "Refused"), status=status, detail=detail, **members)
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers=headers, media_type="application/problem+json"
    )


def document(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an operation for OpenAPI."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": TITLES[status], "model": Problem, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every kind of failure with a problem and without a stack trace."""

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_field_error(item) for item in error.errors()]
        return build_response(422, "; ".join(f"{item.field}: {item.reason}" for item in errors)[:1000], errors=errors)

    @app.exception_handler(HTTPException)
    def http(_request: Request, error: HTTPException) -> JSONResponse:
        return build_response(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Refusal)
    def refused(_request: Request, error: Refusal) -> JSONResponse:
        match error:
            case InvalidField():
                return build_response(422, str(error), errors=[FieldError(field=error.field, reason=error.reason)])
            case DuplicateConversion():
                return build_response(409, str(error), commissionId=error.commission_id)
            case UnknownCommission():
                return build_response(404, str(error))
            case TooLarge():
                return build_response(413, str(error))
            case ConcurrentChange():
                return build_response(409, str(error))
            case _:
                return build_response(422, str(error))

    @app.exception_handler(Forbidden)
    def forbidden(_request: Request, error: Forbidden) -> JSONResponse:
        return build_response(403, str(error))

    @app.exception_handler(DatabaseUnavailable)
    def unavailable(_request: Request, error: DatabaseUnavailable) -> JSONResponse:
        return build_response(503, str(error), {"Retry-After": "1"})

    @app.exception_handler(UnstorableData)
    def unstorable(_request: Request, error: UnstorableData) -> JSONResponse:
        return build_response(422, str(error)[:1000])

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return build_response(500, "the log of the API has the details")


def _field_error(item: Any) -> FieldError:
    where = [str(part) for part in item["loc"] if part not in ("body", "query", "path", "header")]
    return FieldError(
        field=".".join(where)[:100] or "body", reason=str(item["msg"]).removeprefix("Value error, ")[:300]
    )
