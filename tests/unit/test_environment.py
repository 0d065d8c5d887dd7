"""Test that a process which a component starts does not get that component's variables."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios import runner
from settings import Settings
from stacks import environment, jobs, watcher
from stacks.command import Command, Part
from stacks.supervisor import Supervisor, part_environment

OWN = {"ALPES_PULSAR_TOKEN_FILE": "/secrets/dashboard.jwt", "ALPES_PULSAR_ADMIN_TOKEN_FILE": "/a.jwt", "ANY_OTHER": "x"}
OF_THE_RUN = {"ALPES_LOG_LEVEL": "debug", "PATH": "/bin", "ALPES_BIND": "127.0.0.1"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Make this process a component as the gate does."""
    settings = Settings(home=tmp_path)
    settings.logs.mkdir()
    part = Part("dashboard", Command(("true",), tmp_path, OWN))
    Supervisor(settings).write_part(part)
    for name, value in {**OF_THE_RUN, **part_environment(settings, part)}.items():
        monkeypatch.setenv(name, value)
    return settings


def start_scenario(settings: Settings) -> None:
    runner.start(settings, "duplicate-command")


class Running:
    def running(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (lambda settings: jobs.start(settings, "reset", ["cli", "reset"]), None),
        (start_scenario, "scenario"),
        (lambda settings: watcher._run_detached(settings, "stacks.recovery"), None),
    ],
    ids=["job", "scenario", "recovery"],
)
def test_a_started_process_gets_the_variables_of_the_run_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, start: Callable[[Settings], None], name: str | None
) -> None:
    environments: list[dict[str, str]] = []

    class Started:
        pid, returncode = 1, 0

        def __init__(self, *_: Any, env: dict[str, str], **_named: Any) -> None:
            environments.append(env)

    monkeypatch.setattr(subprocess, "Popen", Started)
    monkeypatch.setattr(runner, "control", lambda _: Running())
    monkeypatch.setattr(runner, "_wait_for_start", lambda *_: None)
    start(settings)
    (env,) = environments
    assert not OWN.keys() & env.keys()
    assert env.get("ALPES_PART") == name
    assert env["ALPES_HOME"] == str(settings.home)
    assert {variable: env.get(variable) for variable in OF_THE_RUN} == OF_THE_RUN


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"env": 1}', '{"env": null}'])
def test_a_damaged_file_of_the_component_only_leaves_its_variables(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    environment.part_file(settings, "dashboard").write_text(text)
    env = environment.without_component(settings)
    assert "ALPES_PART" not in env
    assert env["PATH"] == "/bin"


@pytest.mark.parametrize("part", ["../secret", "/etc/passwd", "scenario", ""])
def test_only_files_of_components_are_read(settings: Settings, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    (settings.run / "secret.json").write_text(json.dumps({"env": {"PATH": ""}}))
    monkeypatch.setenv("ALPES_PART", part)
    assert environment.without_component(settings)["PATH"] == "/bin"
