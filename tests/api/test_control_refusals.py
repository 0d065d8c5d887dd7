"""Test what the control endpoints ask for and how they answer a refusal from below; no component runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api import control, problems
from application import Application, crash_points, leases
from db.engine import connect
from db.migrate import upgrade
from domain.errors import ExpectedError
from scenarios import journal, runner
from settings import Settings
from stacks import faults
from stacks.compose.cli import DockerUnavailable
from stacks.control import NotRunning, PartUnknown

TOKEN = "the control token"


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    home = tmp_path_factory.mktemp("control")
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'a.db'}", control_token=SecretStr(TOKEN))
    engine = connect(settings.database_url)
    upgrade(engine)
    engine.dispose()
    with Application(settings, pool_size=1) as application:
        yield application


@pytest.fixture(scope="module")
def http(application: Application) -> Iterator[TestClient]:
    app = FastAPI()
    problems.install(app)
    endpoints = control.router(application)
    assert endpoints is not None
    app.include_router(endpoints)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, headers=headers, raise_server_exceptions=False) as client:
        yield client


def raising(error: Exception) -> Any:
    def act(*_args: object) -> None:
        raise error

    return act


@pytest.mark.parametrize("changes", [{"control_token": SecretStr("")}, {"demo_controls": False}])
def test_without_a_token_or_a_demo_there_are_no_endpoints(tmp_path: Path, changes: dict[str, Any]) -> None:
    values: dict[str, Any] = {"control_token": SecretStr(TOKEN), "database_url": f"sqlite:///{tmp_path / 'a.db'}"}
    with Application(Settings(home=tmp_path, **{**values, **changes}), pool_size=1) as application:
        assert control.router(application) is None


@pytest.mark.parametrize("header", ["", f"Basic {TOKEN}", "Bearer another", f"Bearer {TOKEN}x", "Bearer ñ"])
def test_another_token_is_refused_everywhere(http: TestClient, header: str) -> None:
    headers = {"Authorization": header.encode()}
    for method, path in (("GET", "/control/runs"), ("POST", "/control/parts/api/kill"), ("GET", "/control/scenarios")):
        answer = http.request(method, path, headers=headers)
        assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, "Bearer"), (method, path)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (journal.AnotherRuns("kill-broker runs"), 409),
        (runner.NotOnThisStack("it needs MySQL"), 422),
        (LookupError("no such scenario"), 404),
        (NotRunning("nothing runs"), 503),
        (runner.NoVerdict("it could not start"), 503),
    ],
)
def test_a_scenario_that_cannot_start_says_why(
    http: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    monkeypatch.setattr(runner, "start", raising(error))
    answer = http.post("/control/scenarios/kill-broker")
    assert (answer.status_code, answer.json()["detail"]) == (status, str(error))


def test_seed_and_minutes_reach_the_runner(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def start(_settings: Settings, *given: object) -> str:
        asked.append(given)
        return "run-1"

    monkeypatch.setattr(runner, "start", start)
    assert http.post("/control/scenarios/chaos", json={"seed": 7, "minutes": 2.5}).json() == {"runId": "run-1"}
    assert http.post("/control/scenarios/chaos").status_code == 202
    assert asked == [("chaos", 7, 2.5), ("chaos", None, 1.0)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/control/scenarios/chaos", {"seed": 2**31}),
        ("/control/scenarios/chaos", {"minutes": 0}),
        ("/control/scenarios/chaos", {"speed": 3}),
        ("/control/parts/broker/kill", {"holdSeconds": faults.LONGEST_S + 1}),
        ("/control/parts/broker/kill", {"holdSeconds": -1}),
        ("/control/crash-points", {"part": "api"}),
        ("/control/crash-points", {"part": "api", "point": "command.committed", "twice": True}),
    ],
)
def test_a_body_out_of_range_starts_nothing(
    http: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    for module, name in ((runner, "start"), (faults, "kill"), (crash_points, "arm")):
        monkeypatch.setattr(module, name, raising(AssertionError(f"{name} was called")))
    assert http.post(path, json=body).status_code == 422


@pytest.mark.parametrize(
    ("error", "status"),
    [(PartUnknown("x is not running"), 404), (NotRunning("nothing runs"), 503), (DockerUnavailable("no Docker"), 503)],
)
@pytest.mark.parametrize("action", ["kill", "restart"])
def test_a_component_that_cannot_be_killed_or_restarted_says_why(
    http: TestClient, monkeypatch: pytest.MonkeyPatch, action: str, error: ExpectedError, status: int
) -> None:
    monkeypatch.setattr(faults, action, raising(error))
    answer = http.post(f"/control/parts/x/{action}")
    assert (answer.status_code, answer.json()["detail"]) == (status, str(error))


def test_a_component_held_down_is_released(http: TestClient, application: Application) -> None:
    leases.grant(application.settings, "broker", "kill", 60)
    assert set(faults.active(application.settings)) == {"broker"}
    assert http.delete("/control/parts/broker/kill").status_code == 204
    assert faults.active(application.settings) == {}


def test_a_crash_point_is_armed_for_its_component(http: TestClient, application: Application) -> None:
    answer = http.post("/control/crash-points", json={"part": "api", "point": "command.committed"})
    assert (answer.status_code, answer.json()) == (202, {"status": "armed"})
    armed = [path.name for path in (application.settings.run / "crash").iterdir()]
    assert armed == ["api.command.committed"]


@pytest.mark.parametrize("body", [{"part": "nobody", "point": "command.committed"}, {"part": "api", "point": "here"}])
def test_an_unknown_crash_point_is_named(http: TestClient, body: dict[str, str]) -> None:
    answer = http.post("/control/crash-points", json=body)
    assert answer.status_code == 404
    assert "there is no c" in answer.json()["detail"]


@pytest.mark.parametrize("run_id", ["never-ran", "..", "%2e%2e%2fetc"])
def test_a_run_that_does_not_exist_is_neither_read_nor_stopped(http: TestClient, run_id: str) -> None:
    assert http.get(f"/control/runs/{run_id}").status_code == 404
    assert http.delete(f"/control/runs/{run_id}").status_code in (404, 405)


def test_scenarios_are_listed_with_what_they_claim_and_break(http: TestClient) -> None:
    listed = {entry["name"]: entry for entry in http.get("/control/scenarios").json()}
    assert listed["kill-broker"]["hypothesis"]
    assert listed["kill-broker"]["breaks"]
