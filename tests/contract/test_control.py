"""Test what `stacks.control.Control` promises, on supervisord and on a fake `docker`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil
import pytest

from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import faults, processes
from stacks.command import Command, Part
from stacks.compose.docker import Docker
from stacks.control import Control, NotRunning, PartUnknown
from stacks.controls import control
from stacks.processes import wait_gone
from stacks.supervisor import Supervisor

FAKE = Path(__file__).with_name("fake_docker.py")
LINES = "print(*(f'line {n}' for n in range(10)), sep='\\n', flush=True); import signal; signal.pause()"


@dataclass
class Running:
    settings: Settings
    control: Control


def pretend_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, config: str = "{}") -> Path:
    """Put the fake first on the PATH; the file of its state."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "docker"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    script.chmod(0o755)
    state = folder / "docker.json"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DOCKER", str(state))
    monkeypatch.setenv("FAKE_CONFIG", config)
    return state


@pytest.fixture(params=["supervisord", "docker"])
def running(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Two parts that do nothing: broker and notifications."""
    if request.param == "supervisord":
        settings = Settings(stack="embedded", home=tmp_path / "home")
        supervisor = Supervisor(settings)
        names = ("broker", "notifications")
        supervisor.write_config([Part(name, Command((sys.executable, "-c", LINES), REPOSITORY)) for name in names])
        pid = supervisor.start()
        until(lambda: supervisor.running() and all(row.pid for row in supervisor.states()), 20, "supervisord runs both")
        yield Running(settings, supervisor)
        supervisor.shutdown(last=(), deadline_s=5)
        assert wait_gone(pid, 10)
    else:
        settings = Settings(stack="compose", home=tmp_path / "home")
        pretend_docker(tmp_path / "bin", monkeypatch)
        docker = Docker(settings)
        docker.start(30)
        yield Running(settings, docker)
        docker.shutdown()
        processes.end(processes.find_processes(settings))


def test_it_is_the_control_of_its_stack(running: Running) -> None:
    assert type(control(running.settings)) is type(running.control)
    assert running.control.running()


def test_it_tells_every_part_by_the_projects_names(running: Running) -> None:
    states = {state.name: state for state in running.control.states()}
    assert set(states) == {"broker", "notifications"}
    assert all(state.pid == running.control.pid(name) > 0 for name, state in states.items())


def test_a_part_is_stopped_and_started(running: Running) -> None:
    before = running.control.pid("broker")
    running.control.stop_part("broker")
    running.control.stop_part("broker")  # once more changes nothing
    assert running.control.pid("broker") == 0
    running.control.start_part("broker")
    running.control.start_part("broker")
    until(lambda: running.control.pid("broker") not in (0, before), 20, "the broker runs again")


def test_a_part_is_restarted(running: Running) -> None:
    before = running.control.pid("broker")
    running.control.restart_part("broker")
    until(lambda: running.control.pid("broker") not in (0, before), 20, "the broker runs again")


def test_a_supervisord_that_is_being_ended_already_is_no_error(tmp_path: Path) -> None:
    """The end of the machine, or a second Ctrl-C, ends supervisord while `down` asks it to stop."""
    settings = Settings(stack="embedded", home=tmp_path / "home")
    supervisor = Supervisor(settings)
    slow = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    supervisor.write_config([Part("broker", Command((sys.executable, "-c", slow), REPOSITORY), stop_wait_s=3)])
    pid = supervisor.start()
    until(lambda: supervisor.running() and "broker" in supervisor.log_names(), 20, "supervisord runs")
    until(lambda: list(supervisor.log("broker", 5, False)) == ["deaf\n"], 20, "the component ignores SIGTERM")
    psutil.Process(pid).terminate()
    supervisor.shutdown(last=(), deadline_s=5)
    supervisor.shutdown(last=(), deadline_s=5)
    assert wait_gone(pid, 20)


def test_docker_restarts_in_one_call_so_that_nothing_stays_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = pretend_docker(tmp_path / "bin", monkeypatch)
    docker = Docker(Settings(stack="compose", home=tmp_path / "home"))
    docker.start(30)
    docker.restart_part("broker")
    changes = [call for call in json.loads(state.read_text())["calls"] if call[0] in ("start", "stop", "restart")]
    docker.shutdown()
    assert changes == [["restart", "pulsar-id"]]


def test_a_killed_part_comes_back_by_itself(running: Running) -> None:
    before = running.control.pid("notifications")
    faults.kill(running.settings, "notifications")
    until(lambda: running.control.pid("notifications") not in (0, before), 20, "it is started again")


def test_a_lease_keeps_a_killed_part_down(running: Running) -> None:
    before = running.control.pid("broker")
    faults.kill(running.settings, "broker", hold_s=300)
    assert "broker" in faults.active(running.settings)
    until(lambda: not _at_work(running), 10, "its process is gone")
    faults.release(running.settings, "broker")
    until(lambda: running.control.pid("broker") not in (0, before) and _at_work(running), 20, "it is started again")


def _at_work(running: Running) -> bool:
    """Whether the part's own process runs; behind the gate another one waits in its place."""
    pid = running.control.pid("broker")
    try:
        return pid != 0 and "signal.pause" in " ".join(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False  # it ended while it was looked at


@pytest.mark.parametrize("act", ["pid", "stop_part", "start_part", "kill"])
def test_an_unknown_part_is_told_with_those_there_are(running: Running, act: str) -> None:
    with pytest.raises(PartUnknown):
        getattr(running.control, act)("nothing")


def test_a_log_is_told_from_its_end(running: Running) -> None:
    until(lambda: "notifications" in running.control.log_names(), 10, "the part has written")
    until(lambda: len(list(running.control.log("notifications", 3, False))) == 3, 10, "three lines are there")
    lines = list(islice(running.control.log("notifications", 3, False), 3))
    assert [line.strip() for line in lines] == ["line 7", "line 8", "line 9"]
    with pytest.raises(PartUnknown):
        list(running.control.log("nothing", 3, False))


def test_memory_is_measured_for_what_runs(running: Running) -> None:
    # One look may come between the end of a process and the start of its successor.
    readings: list[dict[str, float]] = []

    def is_complete() -> bool:
        readings.append(dict(running.control.memory_mb()))
        return len(readings[-1]) == 2

    until(is_complete, 10, "both are measured")
    assert set(readings[-1]) == {"broker", "notifications"}
    assert all(value > 0 for value in readings[-1].values())


@pytest.mark.parametrize("stack", ["embedded", "compose"])
def test_what_does_not_run_says_so(stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_docker(tmp_path / "bin", monkeypatch)
    found = control(Settings(stack=stack, home=tmp_path / "home"))
    assert not found.running()
    for act in (found.states, lambda: found.pid("broker"), lambda: found.kill("broker")):
        with pytest.raises(NotRunning):
            act()


def test_docker_is_called_for_the_instances_own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = pretend_docker(tmp_path / "bin", monkeypatch)
    Docker(Settings(stack="compose", home=tmp_path / "home")).remove_data()
    Docker(Settings(stack="compose", home=REPOSITORY / ".alpes" / "compose")).remove_data()
    private, own = json.loads(state.read_text())["calls"]
    assert own[3:] == ["--project-name", "alpes", "down", "--remove-orphans", "--volumes"]
    assert private[4].startswith("alpes-")
    assert Path(own[2]) == REPOSITORY / "docker-compose.yml"
