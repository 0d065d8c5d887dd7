"""A component that continues as a fork of `supervisord` behaves as one that has a Python of its own."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from application import leases
from scenarios.waiting import until
from settings import Settings
from stacks import processes
from stacks.command import Command, Part
from stacks.control import NotRunning
from stacks.processes import wait_gone
from stacks.supervisor import GATE, Supervisor

WITHIN_S = 30.0
REPORTS = """
import atexit, gc, json, os, pathlib, random, signal, sys, threading
here = pathlib.Path("reports")
here.mkdir(exist_ok=True)
name = os.environ["ALPES_PART"]
facts = {
    "argv": sys.argv[1:], "orig_argv": sys.orig_argv, "name": __name__, "file": __file__, "cwd": os.getcwd(),
    "is_main": sys.modules["__main__"].__dict__ is globals(), "path": sys.path[0], "own": os.environ["OWN"],
    "home": os.environ["ALPES_HOME"], "umask": os.umask(0o077),
    "handlers": {str(int(n)): str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)},
    "wakeup": signal.set_wakeup_fd(-1), "threads": threading.active_count(), "main_thread": threading.current_thread().name,
    "encoding": sys.stdout.encoding,
}
random_number = random.random()
(here / f"{name}.{os.getpid()}.tmp").write_text(json.dumps({**facts, "random": random_number, "pid": os.getpid()}))
os.replace(here / f"{name}.{os.getpid()}.tmp", here / f"{name}.{os.getpid()}.json")
"""
STAYS = REPORTS + "print('it runs')\nsignal.pause()\n"
ENDS = (
    REPORTS
    + """
def work():
    threading.main_thread().join()
    print("the thread has ended")
atexit.register(print, "at the end")
threading.Thread(target=work).start()
"""
)
ALONE = "import runpy, sys; sys.argv = sys.argv[2:]; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"


class Instance:
    def __init__(self, folder: Path) -> None:
        self.settings = Settings(stack="embedded", home=folder / "home")
        self.supervisor = Supervisor(self.settings)
        self.modules = folder / "modules"
        self.modules.mkdir()
        self.fork_server = 0

    def write_module(self, name: str, text: str) -> None:
        (self.modules / f"{name}.py").write_text(text)

    def start(self, *parts: Part) -> None:
        self.supervisor.write_config(parts)
        self.fork_server = self.supervisor.start()
        until(self.supervisor.running, WITHIN_S, "supervisord runs")

    def part(self, name: str, *argv: str) -> Part:
        return Part(name, Command((sys.executable, *argv), self.modules, {"OWN": "own value"}))

    def reports(self, part: str) -> list[dict[str, Any]]:
        files = sorted((self.modules / "reports").glob(f"{part}.*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(file.read_text()) for file in files]

    def await_reports(self, part: str, count: int) -> list[dict[str, Any]]:
        until(lambda: len(self.reports(part)) >= count, WITHIN_S, f"{part} has run {count} times")
        return self.reports(part)

    def log(self, part: str) -> list[str]:
        if part not in self.supervisor.log_names():
            return []
        return [line.rstrip("\n") for line in self.supervisor.log(part, 1000, False)]

    def cmdline(self, part: str) -> str:
        return " ".join(psutil.Process(self.supervisor.pid(part)).cmdline()).strip()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    with suppress(NotRunning):
        instance.supervisor.shutdown(last=(), deadline_s=10)
    assert wait_gone(instance.fork_server, 20)
    processes.end(processes.find_processes(instance.settings))


def test_a_fork_finds_what_a_python_of_its_own_finds(instance: Instance) -> None:
    instance.write_module("stays", STAYS)
    instance.start(
        instance.part("relay", "-m", "stays", "--option", "a value"),
        instance.part("audit", "-c", ALONE.format(module="stays"), "-m", "stays", "--option", "a value"),
    )
    (forked,) = instance.await_reports("relay", 1)
    (alone,) = instance.await_reports("audit", 1)
    assert psutil.Process(forked["pid"]).ppid() == psutil.Process(alone["pid"]).ppid() == instance.fork_server
    assert forked.pop("random") != alone.pop("random")
    assert forked.pop("orig_argv") == [sys.executable, "-m", "stays", "--option", "a value"]
    assert alone.pop("orig_argv")[0] == sys.executable
    own_path = alone.pop("path"), forked.pop("path")
    assert own_path[1] == str(instance.modules)
    assert {**forked, "pid": 0} == {**alone, "pid": 0}
    assert instance.cmdline("relay") == f"{sys.executable} -m stays --option a value"
    until(lambda: instance.log("relay") == ["it runs"], WITHIN_S, "a line is in the log at once")


def test_a_component_that_is_started_again_runs_its_program_as_it_is_then(instance: Instance) -> None:
    instance.write_module("stays", STAYS)
    instance.start(instance.part("relay", "-m", "stays"))
    instance.await_reports("relay", 1)
    instance.write_module("stays", STAYS.replace("it runs", "the new program runs"))
    instance.supervisor.kill("relay")
    first, second = instance.await_reports("relay", 2)
    assert first["random"] != second["random"], "two forks draw the same numbers"
    until(lambda: instance.log("relay") == ["it runs", "the new program runs"], WITHIN_S, "the new program runs")


def test_a_signal_ends_the_component_and_supervisord_starts_it_again(instance: Instance) -> None:
    signals = {"relay": signal.SIGTERM, "audit": signal.SIGINT, "observer": signal.SIGHUP, "watcher": signal.SIGKILL}
    instance.write_module("stays", STAYS)
    instance.start(*(instance.part(name, "-m", "stays") for name in signals))
    for name, number in signals.items():
        (first,) = instance.await_reports(name, 1)
        psutil.Process(first["pid"]).send_signal(number)
    for name in signals:
        instance.await_reports(name, 2)
    assert instance.supervisor.running()


def test_a_fork_is_found_by_its_name_after_its_supervisor_has_ended(instance: Instance, tmp_path: Path) -> None:
    instance.write_module("stays", STAYS)
    instance.start(instance.part("relay", "-m", "stays"), instance.part("audit", "-m", "stays"))
    pids = {name: instance.await_reports(name, 1)[0]["pid"] for name in ("relay", "audit")}
    psutil.Process(instance.fork_server).kill()
    assert wait_gone(instance.fork_server, 20)
    instance.supervisor.part_file("audit").unlink()
    assert {process.pid for process in processes.find_processes(instance.settings)} == set(pids.values())
    assert processes.find_processes(Settings(stack="embedded", home=tmp_path / "other")) == []
    processes.kill_named(instance.settings, "relay")
    assert wait_gone(pids["relay"], 20)
    assert [process.pid for process in processes.find_processes(instance.settings)] == [pids["audit"]]
    processes.end(processes.find_processes(instance.settings))
    assert processes.find_processes(instance.settings) == []


def test_threads_and_registered_functions_end_before_the_process(instance: Instance) -> None:
    instance.write_module("ends", ENDS)
    instance.start(instance.part("relay", "-m", "ends"))
    until(lambda: "at the end" in instance.log("relay"), WITHIN_S, "the component has ended")
    assert instance.log("relay")[:2] == ["the thread has ended", "at the end"]
    log = instance.settings.logs / "supervisord.log"
    until(lambda: "exited: relay (exit status 0; expected)" in log.read_text(), WITHIN_S, "its exit code is 0")


def test_the_exit_code_and_the_error_are_those_of_the_module(instance: Instance) -> None:
    endings = {
        "relay": ("raise SystemExit(7)", 7, ""),
        "audit": ("raise SystemExit('no token')", 1, "no token"),
        "observer": ("raise ValueError('a bad value')", 1, "ValueError: a bad value"),
        "watcher": ("import no_such", 1, "ModuleNotFoundError: No module named 'no_such'"),
    }
    for name, (statement, _, _) in endings.items():
        instance.write_module(f"{name}_fails", statement)
    instance.start(*(instance.part(name, "-m", f"{name}_fails") for name in endings))
    log = instance.settings.logs / "supervisord.log"
    for name, (_, status, line) in endings.items():
        ended = f"exited: {name} (exit status {status}; not expected)"
        until(lambda ended=ended: ended in log.read_text(), WITHIN_S, ended)  # type: ignore[misc]
        assert not line or line in instance.log(name)


def test_a_lease_holds_a_fork_at_the_gate(instance: Instance) -> None:
    instance.write_module("stays", STAYS)
    leases.grant(instance.settings, "relay", "kill", 300)
    instance.start(instance.part("relay", "-m", "stays"))
    until(
        lambda: bool(instance.supervisor.pid("relay")) and str(GATE) in instance.cmdline("relay"),
        WITHIN_S,
        "it waits at the gate",
    )
    assert instance.supervisor._at_gate(instance.supervisor.pid("relay"))
    assert not instance.reports("relay")
    leases.release(instance.settings, "relay", "kill")
    instance.await_reports("relay", 1)
    assert not instance.supervisor._at_gate(instance.supervisor.pid("relay"))
