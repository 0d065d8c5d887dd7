"""Test token, rate and read-only mode: requests are refused before their endpoint, as problems, and write nothing."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError

from api.app import create_app
from api.guard import Guard, Rate
from application import Application
from db.engine import connect
from db.migrate import upgrade
from scenarios.waiting import until
from settings import Settings
from tests.api.test_endpoints import CALCULATE, GOOD, rows

TOKEN = SecretStr("kept-for-the-client")
BEARER = {"Authorization": "Bearer kept-for-the-client"}


@contextmanager
def serving(home: Path, **changes: Any) -> Iterator[tuple[TestClient, Application]]:
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'a.db'}", **changes)
    engine = connect(settings.database_url)
    upgrade(engine)
    engine.dispose()
    application = Application(settings)
    with TestClient(create_app(application), raise_server_exceptions=False) as client:
        yield client, application


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer another"},
        {"Authorization": "Basic kept-for-the-client"},
        {"Authorization": "Bearer kept-for-the-clien"},
        {"Authorization": b"Bearer \xff\xfe"},
    ],
)
def test_without_the_token_nothing_is_answered_or_written(tmp_path: Path, headers: dict[str, Any]) -> None:
    with serving(tmp_path, api_token=TOKEN) as (http, application):
        for answer in (
            http.post(CALCULATE, json=GOOD, headers=headers),
            http.get("/commissions/by-conversion/x", headers=headers),
        ):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"
        assert rows(application) == (0, 0)


def test_with_the_token_it_works_and_health_needs_none(tmp_path: Path) -> None:
    with serving(tmp_path, api_token=TOKEN) as (http, _):
        assert http.post(CALCULATE, json=GOOD, headers=BEARER).status_code == 201
        assert http.get("/health").status_code == 200
        assert http.get("/openapi.json").status_code == 200


def test_the_token_is_compared_in_constant_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def spy(one: Any, two: Any) -> bool:
        compared.append((len(one), len(two)))
        return bool(real(one, two))

    monkeypatch.setattr("api.guard.hmac.compare_digest", spy)
    with serving(tmp_path, api_token=TOKEN) as (http, _):
        for token in ("", "k", "kept-for-the-client", "x" * 500):
            http.get("/commissions/by-conversion/x", headers={"Authorization": f"Bearer {token}"})
    assert compared == [(32, 32)] * 4  # digests: neither content nor length shows in the time


def test_above_the_rate_the_answer_says_when_to_try_again(tmp_path: Path) -> None:
    with serving(tmp_path, api_rate_limit="5/second") as (http, application):
        answers = [http.post(CALCULATE, json={**GOOD, "conversionId": f"c-{number}"}) for number in range(8)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert [answer.status_code for answer in answers[:5]] == [201] * 5
        assert 1 <= len(refused) <= 3
        assert refused[0].headers["retry-after"] == "1"
        assert rows(application)[0] == 8 - len(refused)
        assert http.get("/health").status_code == 200
        again = {**GOOD, "conversionId": "later"}
        until(lambda: http.post(CALCULATE, json=again).status_code == 201, 5, "let in again")


def test_an_invalid_rate_is_named() -> None:
    with pytest.raises(ValidationError, match="must be like 100/second"):
        Settings(api_rate_limit="often")


def test_a_read_only_api_refuses_commands_and_answers_queries(tmp_path: Path) -> None:
    with serving(tmp_path, read_only=True) as (http, application):
        refused = http.post(CALCULATE, json=GOOD)
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            "this instance is shown read-only; it takes no commands",
        )
        assert http.get("/commissions/by-conversion/nothing").status_code == 404
        assert rows(application) == (0, 0)


def test_a_rate_is_kept_for_each_address() -> None:
    rate = Rate("2/hour")
    assert [rate.seconds_to_wait("10.0.0.1") for _ in range(2)] == [0, 0]
    assert 1 <= rate.seconds_to_wait("10.0.0.1") <= 3600
    assert rate.seconds_to_wait("10.0.0.2") == 0
    assert str(rate) == "2 per 1 hour"


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"type": "websocket", "path": "/commissions"}, 200),
        ({"type": "http", "path": "/health"}, 200),
        ({"type": "http", "path": "/commissions/approve"}, 401),
        ({"type": "http", "path": "/metrics"}, 401),
        ({"type": "http", "path": "/commissions/approve", "headers": [(b"authorization", b"bEaReR  k ")]}, 200),
        ({"type": "http", "path": "/commissions/approve", "headers": [(b"authorization", b"Bearer k\xe9")]}, 401),
    ],
)
def test_only_what_is_guarded_asks_for_the_token(tmp_path: Path, scope: dict[str, Any], status: int) -> None:
    statuses: list[int] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

    async def receive() -> Any:
        pytest.fail("the guard read the body")

    guard = Guard(app, Settings(home=tmp_path, api_token=SecretStr("k")))
    asyncio.run(guard({"method": "POST", "headers": [], **scope}, receive, send))
    assert statuses == [status]
