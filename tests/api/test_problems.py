"""Test the answers to failures: each kind of error has its status and says what to do, and none shows a traceback."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field

from api import problems
from application.permissions import Forbidden
from db.errors import DatabaseUnavailable, UnstorableData
from domain.errors import ConcurrentChange, DuplicateConversion, InvalidField, Refusal, TooLarge, UnknownCommission
from domain.message import Message


class Body(BaseModel):
    amounts: list[int] = Field(max_length=3)


def answer_to(error: Exception) -> httpx.Response:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    def fail() -> None:
        raise error

    with TestClient(app, raise_server_exceptions=False) as client:
        response: httpx.Response = client.get("/")
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["title"] == problems.TITLES[response.status_code]
    return response


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidField("currency", Message("field.required")), 422),
        (DuplicateConversion("conv-1", "c-1"), 409),
        (UnknownCommission("c-1"), 404),
        (TooLarge("the payload has 2 MB"), 413),
        (ConcurrentChange("c-1"), 409),
        (Refusal("a kind that was added later"), 422),
        (Forbidden("read-only"), 403),
        (DatabaseUnavailable("the disk is full"), 503),
        (UnstorableData("a surrogate"), 422),
        (HTTPException(404, "no run x"), 404),
        (HTTPException(405), 405),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    assert answer_to(error).status_code == status


def test_a_duplicate_names_the_commission_that_exists() -> None:
    assert answer_to(DuplicateConversion("conv-1", "c-7")).json()["commissionId"] == "c-7"


def test_an_invalid_field_is_named_with_its_reason() -> None:
    assert answer_to(InvalidField("currency", Message("field.required"))).json()["errors"] == [
        {"field": "currency", "reason": "is required"}
    ]


def test_an_unavailable_database_says_when_to_try_again() -> None:
    assert answer_to(DatabaseUnavailable("the database is busy")).headers["retry-after"] == "1"


def test_headers_of_an_exception_are_kept() -> None:
    refused = answer_to(HTTPException(401, "send the token", {"WWW-Authenticate": "Bearer"}))
    assert refused.headers["www-authenticate"] == "Bearer"


def test_a_very_long_reason_is_cut() -> None:
    assert len(answer_to(UnstorableData("x" * 5000)).json()["detail"]) == 1000


def test_an_unexpected_error_is_logged_and_its_text_is_kept_from_the_client(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "api.problems"):
        answer = answer_to(RuntimeError("the password is hunter2"))
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    (entry,) = [each for each in caplog.records if each.name == "api.problems"]
    assert entry.getMessage() == "GET / failed"
    assert entry.exc_info is not None
    assert str(entry.exc_info[1]) == "the password is hunter2"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"amounts": ["x"]}, "amounts.0"), ({}, "amounts"), ([], "body"), ({"amounts": [1, 2, 3, 4]}, "amounts")],
)
def test_an_invalid_body_names_the_field_without_where_it_stood(body: Any, field: str) -> None:
    app = FastAPI()
    problems.install(app)

    @app.post("/")
    def take(body: Body) -> None: ...

    with TestClient(app) as client:
        answer = client.post("/", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert answer.json()["detail"].startswith(f"{field}: ")


def test_members_that_do_not_apply_are_left_out() -> None:
    assert problems.build_response(404, "no such commission").body == (
        b'{"type":"about:blank","title":"Not found","status":404,"detail":"no such commission"}'
    )


def test_the_documented_statuses_have_the_titles_that_are_answered() -> None:
    documented = problems.document(404, 409)
    assert {status: entry["description"] for status, entry in documented.items()} == {404: "Not found", 409: "Conflict"}
