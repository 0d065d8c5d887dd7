"""Test the control endpoints: missing without a token, refused with a wrong one, and effective on a running stack."""

from __future__ import annotations

import json

import httpx
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from application import Application
from scenarios.waiting import until
from settings import Settings
from stacks.supervisor import Supervisor


@pytest.fixture(scope="module")
def http(embedded: Settings) -> httpx.Client:
    token = embedded.control_token.get_secret_value()
    address = f"http://{embedded.bind}:{embedded.api_port}"
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def test_a_stack_without_a_control_token_has_none(tmp_path) -> None:  # type: ignore[no-untyped-def]
    application = Application(Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}"))
    with TestClient(create_app(application)) as client:
        assert client.get("/control/scenarios").status_code == 404
        assert not any(path.startswith("/control") for path in client.get("/openapi.json").json()["paths"])


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer wrong"}])
def test_a_wrong_token_is_refused(embedded: Settings, given: dict[str, str]) -> None:
    address = f"http://{embedded.bind}:{embedded.api_port}"
    for method, path in (("GET", "/control/scenarios"), ("POST", "/control/parts/broker/kill")):
        refused = httpx.request(method, address + path, headers=given)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "control token" in refused.json()["detail"]


def test_a_scenario_is_started_followed_and_found(http: httpx.Client) -> None:
    run_id = http.post("/control/scenarios/duplicate-command", json={"seed": 7}).raise_for_status().json()["runId"]
    with http.stream("GET", f"/control/runs/{run_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        kinds = [json.loads(line[5:])["kind"] for line in stream.iter_lines() if line.startswith("data:")]
    assert (kinds[0], kinds[-1]) == ("started", "verdict")
    until(lambda: http.get(f"/control/runs/{run_id}").status_code == 200, 30, "the result")
    result = http.get(f"/control/runs/{run_id}").json()
    assert (result["verdict"], result["seed"]) == ("PASS", 7)
    assert run_id in {run["id"] for run in http.get("/control/runs").json()}


def test_a_part_is_killed_and_restarted(http: httpx.Client, embedded: Settings) -> None:
    supervisor = Supervisor(embedded)
    for action in ("kill", "restart"):
        before = supervisor.pid("audit")
        assert http.post(f"/control/parts/audit/{action}").status_code == 202
        until(lambda pid=before: supervisor.pid("audit") not in (0, pid), 20, "another process")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/control/scenarios/no-such-thing", 404),
        ("POST", "/control/scenarios/kill-database", 422),
        ("POST", "/control/parts/no-such-part/kill", 404),
        ("DELETE", "/control/parts/..%2F..%2Fx/kill", 404),
        ("GET", "/control/runs/no-such-run", 404),
        ("GET", "/control/runs/..%2F..%2Fx/events", 404),
    ],
)
def test_a_missing_resource_is_named(http: httpx.Client, method: str, path: str, status: int) -> None:
    answer = http.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
