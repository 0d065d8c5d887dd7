"""Test when a container counts as healthy: a worker by its heartbeat, a server by its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from stacks import healthcheck
from stacks.healthcheck import find_problem
from workers.heartbeat import EVERY_S, IDLE_BEATS_S


@pytest.fixture
def heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALPES_HOME", str(tmp_path))
    folder = tmp_path / "run" / "heartbeat"
    folder.mkdir(parents=True)
    return folder / "audit"


@pytest.fixture
def statuses() -> Iterator[dict[str, int]]:
    """A server whose status for each path the test sets; 404 for others."""
    statuses: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    statuses["port"] = server.server_address[1]
    yield statuses
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("written", "age_s", "problem"),
    [
        ({"connected": True}, 0, None),
        ({"connected": False}, 0, "it waits for what it depends on"),
        ({"connected": True}, 60, "no heartbeat for 60 s"),
        ({}, 0, "it has written no heartbeat yet"),
    ],
)
def test_a_worker_is_judged_by_the_age_and_the_contents_of_its_heartbeat(
    heartbeat: Path, written: dict[str, bool], age_s: int, problem: str | None
) -> None:
    heartbeat.write_text(json.dumps(written))
    os.utime(heartbeat, (time.time() - age_s,) * 2)
    assert find_problem("audit") == problem


@pytest.mark.parametrize("text", [None, "", "{"])
def test_a_heartbeat_that_is_missing_or_half_written_is_none(heartbeat: Path, text: str | None) -> None:
    if text is not None:
        heartbeat.write_text(text)
    assert find_problem("audit") == "it has written no heartbeat yet"


@pytest.mark.parametrize("part", healthcheck.SERVERS)
def test_a_server_is_healthy_while_it_answers_200(
    part: str, statuses: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, _port, path = healthcheck.SERVERS[part]
    monkeypatch.setenv(variable, str(statuses["port"]))
    statuses[path] = 200
    assert find_problem(part) is None
    statuses[path] = 503
    assert find_problem(part) == f"{path} answers 503"


def test_a_port_that_nothing_listens_on_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_API_PORT", "1")
    assert (find_problem("api") or "").startswith("port 1 does not answer")


def test_a_worker_may_miss_some_heartbeats() -> None:
    """It cannot import how often one is written: see its docstring."""
    assert 4 * max(EVERY_S, IDLE_BEATS_S) <= healthcheck.STALE_S


def test_the_script_needs_no_package_and_its_exit_code_says_the_rest(heartbeat: Path) -> None:
    heartbeat.write_text('{"connected": true}')
    command = [sys.executable, "-I", "-S", str(Path(healthcheck.__file__)), "audit"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "audit: healthy\n")
    heartbeat.unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "audit: it has written no heartbeat yet\n")
