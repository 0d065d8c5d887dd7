"""Test that crash points write only files that are named after components."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from api.app import create_app
from application import Application, crash_points
from application.crash_points import CrashPoints
from settings import Settings
from stacks import ownership

TOKEN = "secret"
OTHERS = (
    "",
    ".",
    "..",
    "../api",
    "api/../../x",
    "/tmp/api",
    "api.hit",
    "api\n",
    "api-",
    "api-1-2",
    "source",
    "nothing",
)
POINT = "command.committed"


@pytest.mark.parametrize(("part", "point"), [*((part, POINT) for part in OTHERS), ("api", "no-such-point")])
def test_the_api_answers_that_there_is_no_such_thing(tmp_path: Path, part: str, point: str) -> None:
    settings = make_settings(tmp_path / "home")
    with (
        Application(settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'a.db'}"})) as application,
        TestClient(create_app(application), base_url="http://127.0.0.1") as client,
    ):
        body = {"part": part, "point": point}
        answer = client.post("/control/crash-points", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "there is no" in answer.json()["detail"]
    assert list(tmp_path.rglob("*.hit")) == list(tmp_path.rglob(f"*{POINT}*")) == []


def make_settings(home: Path) -> Settings:
    return Settings(home=home, control_token=SecretStr(TOKEN))


def arm(settings: Settings, part: str, point: str) -> None:
    crash_points.arm(settings, part, point, TOKEN)


@pytest.mark.parametrize("part", OTHERS)
def test_other_names_than_those_of_components_are_refused(tmp_path: Path, part: str) -> None:
    settings = make_settings(tmp_path / "home")
    for act in (crash_points.disarm, crash_points.read_hit, arm):
        with pytest.raises(LookupError, match="there is no component"):
            act(settings, part, POINT)
    CrashPoints(settings, part).reached(POINT)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("point", ["", "..", "../x", "nothing", f"{POINT}.new"])
def test_unknown_points_are_refused(tmp_path: Path, point: str) -> None:
    settings = make_settings(tmp_path / "home")
    for act in (crash_points.disarm, crash_points.read_hit, arm):
        with pytest.raises(LookupError, match="there is no crash point"):
            act(settings, "api", point)
    assert list(tmp_path.rglob("*")) == []


@given(st.text(alphabet="./-\\\n\0a1é") | st.text())
def test_no_text_that_is_no_name_is_accepted(part: str) -> None:
    with pytest.raises(LookupError):
        crash_points.disarm(make_settings(Path("/nowhere")), part, POINT)


@pytest.mark.parametrize("part", ["api", "notifications", "notifications-12", "audit", "dashboard"])
def test_components_arm_and_disarm_files_of_the_instance(tmp_path: Path, part: str) -> None:
    settings = make_settings(tmp_path)
    ownership.claim(ownership.INSTANCE, tmp_path)
    for point in crash_points.POINTS:
        crash_points.arm(settings, part, point, TOKEN)
        assert crash_points.read_hit(settings, part, point) is None
    armed = list((tmp_path / "run" / "crash").iterdir())
    assert len(armed) == len(crash_points.POINTS)
    assert ownership.find_foreign_files(ownership.INSTANCE, tmp_path) == []
    for point in crash_points.POINTS:
        crash_points.disarm(settings, part, point)
    assert list((tmp_path / "run" / "crash").iterdir()) == []
