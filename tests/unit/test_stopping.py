"""Test when a process counts as ended, and when `up` in the foreground stops the instance."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli import foreground
from settings import Settings
from stacks import instance, processes, revive
from telemetry import logs

PARENT_OF_A_ZOMBIE = "import os, signal; pid = os.fork(); pid or os._exit(0); print(pid, flush=True); signal.pause()"


def test_a_zombie_of_another_parent_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT_OF_A_ZOMBIE], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            assert processes.wait_gone(pid, 10)
            assert not processes.is_alive(pid)
            assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody has collected it meanwhile
            assert processes.is_alive(parent.pid)
            assert not processes.wait_gone(parent.pid, 0.1)
        finally:
            parent.kill()


class Components:
    """Components whose state is a list of moments: (is running, `run/stopping` exists); the last moment stays."""

    def __init__(self, stopping_file: Path, moments: list[tuple[bool, bool]], end: Callable[[], None]) -> None:
        self._stopping_file = stopping_file
        self._moments = moments
        self._end = end
        self._is_running = True
        self._go_on()

    def _go_on(self) -> None:
        if not self._moments:
            end, self._end = self._end, lambda: None
            end()
            return
        self._is_running, is_stopping = self._moments.pop(0)
        self._stopping_file.unlink(missing_ok=True)
        if is_stopping:
            self._stopping_file.touch()

    def running(self) -> bool:
        is_running = self._is_running
        self._go_on()
        return is_running


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setattr(foreground, "POLL_EVERY_S", 0.01)
    settings = Settings(home=tmp_path)
    settings.run.mkdir()
    old_handlers = {number: signal.getsignal(number) for number in foreground.SIGNALS}
    yield settings
    for number, handler in old_handlers.items():
        signal.signal(number, handler)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


UP, STOPPING, STOPPED, GONE = (True, False), (True, True), (False, True), (False, False)


@pytest.mark.parametrize(
    ("moments", "stops"),
    [
        pytest.param([UP, STOPPING, STOPPED], False, id="down"),
        pytest.param([UP, STOPPED, GONE], False, id="clean"),
        pytest.param([UP, STOPPING, GONE, UP], False, id="reset --all, seen while it deletes"),
        pytest.param([UP, STOPPING, UP], False, id="reset --all, seen when it has started again"),
        pytest.param([UP, UP], True, id="a signal"),
        pytest.param([UP, STOPPING, STOPPING], True, id="a signal after a stop that was killed"),
        pytest.param([UP, GONE], True, id="the supervisor ended for good"),
    ],
)
def test_only_a_signal_or_a_lost_supervisor_stops_the_instance(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, moments: list[tuple[bool, bool]], stops: bool
) -> None:
    monkeypatch.setattr(foreground, "NO_SUPERVISOR_S", 0.0 if moments[-1] == GONE else 60.0)
    stopped: list[Settings] = []
    monkeypatch.setattr(instance, "down", lambda settings, _say: stopped.append(settings))
    end = interrupt if stops and moments[-1] != GONE else lambda: None
    components = Components(settings.run / "stopping", list(moments), end)
    monkeypatch.setattr(foreground, "control", lambda _: components)
    said: list[str] = []
    foreground.wait(settings, said.append)
    assert bool(stopped) == stops
    assert ("the stack was stopped by another command" in said) == (not stops)


@pytest.mark.parametrize(
    ("meanwhile", "starts"),
    [
        (lambda _run: None, True),
        (lambda run: (run / "stopping").touch(), False),
        (lambda run: (run / "supervisord.conf").unlink(), False),
        (shutil.rmtree, False),
    ],
    ids=["nothing", "it is stopped", "its data is deleted", "its folder is deleted"],
)
def test_a_supervisor_is_not_started_again_in_an_instance_that_is_stopped_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Path], object], starts: bool
) -> None:
    settings = Settings(home=tmp_path)
    settings.run.mkdir()
    (settings.run / "supervisord.conf").touch()
    started: list[Settings] = []

    class FakeSupervisor:
        def __init__(self, settings: Settings) -> None:
            self._settings = settings

        def start(self) -> int:
            started.append(self._settings)
            return 1

    monkeypatch.setattr(revive, "load", lambda: settings)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    monkeypatch.setattr(revive, "is_supervised", lambda _: False)
    monkeypatch.setattr(processes, "end", lambda *_, **_named: meanwhile(settings.run))
    monkeypatch.setattr(revive, "Supervisor", FakeSupervisor)
    revive.main()
    assert bool(started) == starts
