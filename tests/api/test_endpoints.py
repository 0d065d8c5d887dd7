"""Test the three endpoints of the original description, and that every bad input is refused by name and writes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from fastapi.testclient import TestClient
from hypothesis import strategies as st

from api.app import create_app
from application import Application
from db import queries
from settings import Settings

GOOD = {
    "conversionId": "conv-1",
    "affiliateId": "aff-1",
    "campaignId": "cmp-1",
    "grossAmount": 120.5,
    "currency": "USD",
}
CALCULATE = "/commissions/calculate"


def rows(application: Application) -> tuple[int, int]:
    with application.reading() as connection:
        return len(queries.recent_commissions(connection)), queries.count_outbox(connection)


def test_calculate_approve_query(http: TestClient, application: Application) -> None:
    calculated = http.post(CALCULATE, json=GOOD)
    assert calculated.status_code == 201
    body = calculated.json()
    assert (body["status"], body["amount"], body["currency"], body["changed"]) == ("CALCULATED", "12.05", "USD", True)
    approved = http.post("/commissions/approve", json={"commissionId": body["commissionId"]})
    assert (approved.status_code, approved.json()["status"], approved.json()["changed"]) == (200, "APPROVED", True)
    again = http.post("/commissions/approve", json={"commissionId": body["commissionId"]})
    assert (again.status_code, again.json()["changed"], again.json()["eventIds"]) == (200, False, [])
    commission = http.get("/commissions/by-conversion/conv-1").json()
    assert (commission["commissionId"], commission["status"], commission["grossAmount"]) == (
        body["commissionId"],
        "APPROVED",
        "120.50",
    )
    assert rows(application) == (1, 2)


def test_the_same_conversion_again_is_a_conflict_that_names_the_commission(
    http: TestClient, application: Application
) -> None:
    first = http.post(CALCULATE, json=GOOD).json()["commissionId"]
    refused = http.post(CALCULATE, json=GOOD)
    assert (refused.status_code, refused.json()["commissionId"]) == (409, first)
    assert "another" not in refused.json()["detail"]
    assert rows(application) == (1, 1)


@pytest.mark.parametrize(
    "changes",
    [{"grossAmount": 999}, {"affiliateId": "aff-2", "currency": "EUR"}, {"campaignId": "cmp-2"}],
    ids=lambda changes: ", ".join(changes),
)
def test_a_conversion_repeated_with_another_body_is_told_what_differs(
    http: TestClient, application: Application, changes: dict[str, Any]
) -> None:
    http.post(CALCULATE, json=GOOD)
    refused = http.post(CALCULATE, json={**GOOD, **changes})
    assert refused.status_code == 409
    assert f"another {', '.join(changes)};" in refused.json()["detail"]
    assert rows(application) == (1, 1)


@pytest.mark.parametrize("written", ["or/der", "or%2Fder", "a//b/", "a%2F%2Fb%2F"])
def test_an_id_with_slashes_can_be_read_again(http: TestClient, written: str) -> None:
    conversion = written.replace("%2F", "/")
    assert http.post(CALCULATE, json={**GOOD, "conversionId": conversion}).status_code == 201
    answer = http.get(f"/commissions/by-conversion/{written}")
    assert (answer.status_code, answer.json().get("conversionId")) == (200, conversion)


@pytest.mark.parametrize(
    "literal", ["1e9999999999999999999", "-1e9999999999999999999", "1e-9999999999999999999", "1" * 10_000, "1e400"]
)
def test_the_refusal_of_an_unusable_number_names_its_field(
    http: TestClient, application: Application, literal: str
) -> None:
    for field in GOOD:
        body = json.dumps({**GOOD, field: "@"}).replace('"@"', literal)
        refused = http.post(CALCULATE, content=body, headers={"Content-Type": "application/json"})
        assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, [field])
    assert rows(application) == (0, 0)


numbers = st.builds(
    "{}{}e{}".format, st.sampled_from(["", "-"]), st.integers(0, 10**60), st.integers(-(10**25), 10**25)
)
literals = st.recursive(
    st.sampled_from(["null", "true", "false"]) | st.text(st.characters(), max_size=70).map(json.dumps) | numbers,
    lambda inner: st.lists(inner, max_size=3).map(lambda found: f"[{','.join(found)}]"),
    max_leaves=4,
)


@hypothesis.settings(max_examples=150, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(
    st.dictionaries(
        st.sampled_from([*GOOD, "commissionId"]) | st.text(st.characters(), max_size=5), literals, max_size=7
    ),
    st.sampled_from([CALCULATE, "/commissions/approve"]),
)
def test_every_body_is_answered(http: TestClient, body: dict[str, str], path: str) -> None:
    content = "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in body.items()) + "}"
    answer = http.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500, answer.text
    json.loads(answer.content)


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"grossAmount": -1}, "grossAmount"),
    ({"grossAmount": 0}, "grossAmount"),
    ({"grossAmount": "abc"}, "grossAmount"),
    ({"grossAmount": "NaN"}, "grossAmount"),
    ({"grossAmount": True}, "grossAmount"),
    ({"grossAmount": None}, "grossAmount"),
    ({"grossAmount": 10**29}, "grossAmount"),
    ({"grossAmount": "1" * 30}, "grossAmount"),
    ({"grossAmount": 1.001}, "grossAmount"),
    ({"grossAmount": [1]}, "grossAmount"),
    ({"currency": "XQX"}, "currency"),
    ({"currency": "usd"}, "currency"),
    ({"currency": 840}, "currency"),
    ({"conversionId": ""}, "conversionId"),
    ({"conversionId": None}, "conversionId"),
    ({"conversionId": 7}, "conversionId"),
    ({"conversionId": "x" * 65}, "conversionId"),
    ({"affiliateId": "a b"}, "affiliateId"),
    ({"campaignId": "\u0000"}, "campaignId"),
    ({"surprise": 1}, "surprise"),
]


@pytest.mark.parametrize(("changes", "field"), BAD_FIELDS)
def test_a_bad_field_is_named(http: TestClient, application: Application, changes: dict[str, Any], field: str) -> None:
    refused = http.post(CALCULATE, json={**GOOD, **changes})
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert field in [error["field"] for error in refused.json()["errors"]]
    assert rows(application) == (0, 0)


@pytest.mark.parametrize("field", list(GOOD))
def test_a_missing_field_is_named(http: TestClient, application: Application, field: str) -> None:
    refused = http.post(CALCULATE, json={name: value for name, value in GOOD.items() if name != field})
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, [field])
    assert rows(application) == (0, 0)


JSON = "application/json"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", JSON, 400),
        (b"", JSON, 400),
        (b'{"grossAmount": NaN}', JSON, 400),
        (b'{"conversionId": "\xff"}', JSON, 400),
        (b"[" * 50_000, JSON, 400),
        (b"[]", JSON, 422),
        (b'"text"', JSON, 422),
        (json.dumps({**GOOD, "affiliateId": "x" * 1_000_000}).encode(), JSON, 413),
        (json.dumps(GOOD).encode(), "text/plain", 415),
        (json.dumps(GOOD).encode(), "application/x-www-form-urlencoded", 415),
    ],
    ids=["torn", "empty", "NaN", "not UTF-8", "deep", "list", "text", "1 MB", "plain", "form"],
)
def test_a_body_that_cannot_be_read_is_a_problem(
    http: TestClient, application: Application, content: bytes, kind: str, status: int
) -> None:
    refused = http.post(CALCULATE, content=content, headers={"Content-Type": kind})
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert rows(application) == (0, 0)


def test_unknown_commissions_and_conversions_are_not_found(http: TestClient) -> None:
    assert http.post("/commissions/approve", json={"commissionId": "nobody"}).status_code == 404
    assert http.get("/commissions/by-conversion/nobody").status_code == 404
    assert http.get("/nowhere").headers["content-type"] == "application/problem+json"
    assert http.get(CALCULATE).status_code == 405


def test_a_missing_database_is_a_problem_that_says_so(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'none' / 'a.db'}")
    with TestClient(create_app(Application(settings)), raise_server_exceptions=False) as http:
        refused = http.post(CALCULATE, json=GOOD)
        assert refused.status_code == 503
        assert "./alpes up" in refused.json()["detail"]
        assert not re.search("Traceback|sqlalchemy", refused.text)
        assert http.get("/health").status_code == 200
        assert http.get("/ready").status_code == 503


def test_a_malformed_traceparent_is_ignored(http: TestClient) -> None:
    assert http.post(CALCULATE, json=GOOD, headers={"traceparent": "x" * 500}).status_code == 201
