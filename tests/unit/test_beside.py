"""Test processes beside a component: they run its program, and end with their starter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import beside, environment, processes
from stacks.beside import Beside, build_command
from stacks.compose.docker import Docker
from stacks.control import PartUnknown
from tests.contract.test_control import pretend_docker

NAME = "replay-000000000001"
OBEDIENT = "import sys; print('began', flush=True); sys.stdin.read(); print('ended', flush=True)"
DEAF = "import signal; print('began', flush=True); signal.pause()"
BROKEN = "raise SystemExit('it cannot work')"
STARTER = """
import sys
from pathlib import Path
from settings import Settings
from stacks.beside import Beside
home = Path(sys.argv[1])
with Beside(Settings(home=home), "notifications", "replay-000000000001", {}, home / "logs" / "replay.log"):
    print("started", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def install(settings: Settings, code: str) -> None:
    """Make this the program of the notifications worker, as a supervisor's specification says."""
    file = environment.part_file(settings, "notifications")
    file.parent.mkdir(parents=True, exist_ok=True)
    env = {"ALPES_HOME": str(settings.home), "ALPES_PART": "notifications", "PYTHONPATH": str(REPOSITORY)}
    argv = [sys.executable, "-c", code]
    file.write_text(json.dumps({"name": "notifications", "argv": argv, "cwd": str(settings.home), "env": env}))


def open_beside(settings: Settings) -> Beside:
    return Beside(settings, "notifications", NAME, {"ALPES_SUBSCRIPTION": NAME}, log_of(settings))


def log_of(settings: Settings) -> Path:
    return settings.logs / "replay.log"


def wait_for(settings: Settings, text: str) -> None:
    until(lambda: text in log_of(settings).read_text(), 20, f"the process says {text}")


def test_it_runs_what_is_installed_under_its_own_name(settings: Settings) -> None:
    install(settings, OBEDIENT)
    command = build_command(settings, "notifications", NAME, {"ALPES_SUBSCRIPTION": NAME})
    assert command.argv[-1] == OBEDIENT
    assert command.cwd == settings.home
    assert (command.env["ALPES_PART"], command.env["ALPES_SUBSCRIPTION"]) == (NAME, NAME)


def test_where_nothing_was_started_it_runs_the_module_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, part_modules={"notifications": "my.worker"})
    command = build_command(settings, "notifications", NAME, {})
    assert command.argv[-2:] == ("-m", "my.worker")
    assert (command.env["ALPES_PART"], command.env["ALPES_HOME"]) == (NAME, str(tmp_path))
    with pytest.raises(PartUnknown):
        build_command(settings, "notifications-7", NAME, {})


def test_it_ends_by_itself_when_it_is_told_to(settings: Settings) -> None:
    install(settings, OBEDIENT)
    with open_beside(settings) as process:
        wait_for(settings, "began")
        assert process.exit_code() is None
    assert process.exit_code() == 0
    assert "ended" in log_of(settings).read_text()


def test_one_that_does_not_end_is_killed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "ENDS_WITHIN_S", 0.3)
    install(settings, DEAF)
    with open_beside(settings) as process:
        wait_for(settings, "began")
    assert process.exit_code() == -signal.SIGKILL
    assert processes.find_processes(settings) == []


def test_it_is_killed_and_started_again(settings: Settings) -> None:
    install(settings, OBEDIENT)
    with open_beside(settings) as process:
        wait_for(settings, "began")
        process.kill()
        assert process.exit_code() == -signal.SIGKILL
        process.start()
        until(lambda: log_of(settings).read_text().count("began") == 2, 20, "the process began again")
    assert process.exit_code() == 0


def test_one_that_ended_by_itself_is_an_error_that_names_its_log(settings: Settings) -> None:
    install(settings, BROKEN)
    with open_beside(settings) as process:
        until(lambda: process.exit_code() is not None, 20, "the process ends")
        error = process.ended()
    assert str(error) == f"a second process of notifications ended with code 1; its log is {log_of(settings)}"
    assert "it cannot work" in log_of(settings).read_text()


def test_it_does_not_outlive_a_starter_that_is_killed(settings: Settings) -> None:
    install(settings, OBEDIENT)
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(settings.home)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert starter.stdout is not None
    assert starter.stdin is not None
    with starter.stdin, starter.stdout:
        assert starter.stdout.readline() == b"started\n"
        wait_for(settings, "began")
        (process,) = processes.find_processes(settings)
        starter.kill()
        starter.wait()
        until(lambda: not psutil.pid_exists(process.pid), 20, "the process is gone")
    assert "ended" in log_of(settings).read_text()


@pytest.fixture
def on_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An instance of containers, of which two run."""
    settings = Settings(stack="compose", home=tmp_path / "home")
    pretend_docker(tmp_path / "bin", monkeypatch)
    Docker(settings).start(30)
    return settings


def calls_of(settings: Settings) -> list[list[str]]:
    calls: list[list[str]] = json.loads((settings.home.parent / "bin" / "docker.json").read_text())["calls"]
    return calls


def test_docker_runs_one_more_container_of_the_service(on_docker: Settings) -> None:
    with open_beside(on_docker) as process:
        wait_for(on_docker, "began")
        states = Docker(on_docker).states()
        assert [state.name for state in states].count("notifications") == 1  # the other container is no component
    assert process.exit_code() == 0
    assert "ended" in log_of(on_docker).read_text()
    (run,) = [call for call in calls_of(on_docker) if call[:2] == ["compose", "run"]]
    assert run[2:5] == ["--rm", "--no-deps", "-T"]
    assert run[-5:] == ["notificaciones", "part", "notifications", "--as", NAME]
    assert run[run.index("--env") + 1] == f"ALPES_SUBSCRIPTION={NAME}"
    Docker(on_docker).shutdown()


def test_docker_kills_the_container_and_not_only_its_client(on_docker: Settings) -> None:
    with open_beside(on_docker) as process:
        wait_for(on_docker, "began")
        process.kill()
        assert process.exit_code() == 137
        process.start()
        until(lambda: log_of(on_docker).read_text().count("began") == 2, 20, "the process began again")
    removals = [call for call in calls_of(on_docker) if call[0] == "rm"]
    assert [(call[:2], call[-1].endswith(NAME)) for call in removals] == [(["rm", "--force"], True)]
    Docker(on_docker).shutdown()


def test_a_container_runs_its_component_under_another_name(tmp_path: Path) -> None:
    """Without the gate: no fault of the component holds it, and the component's own specification stays."""
    ended = subprocess.run(
        [sys.executable, "-m", "cli", "part", "notifications", "--as", NAME],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "ALPES_HOME": str(tmp_path),
            "ALPES_DATABASE_URL": f"sqlite:///{tmp_path}/alpes.db",
            "ALPES_PART_MODULES": '{"notifications": "tests.unit.beside_program"}',
            "ALPES_SUBSCRIPTION": NAME,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.split() == [NAME, NAME], ended.stderr
    assert not (tmp_path / "run").exists()
