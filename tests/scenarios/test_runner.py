"""A run survives its client, is alone, can be stopped, and whatever becomes of it the stack is whole again."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import uuid

import psutil
import pytest

from application import Application, leases
from db.engine import connect
from scenarios import evidence, journal, load, runner
from scenarios.model import result_from_json
from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import health

HEALTHY_WITHIN_S = 30


def is_healthy(settings: Settings) -> bool:
    engine = connect(settings.worker_url)
    try:
        return not leases.active(settings) and all(row.light == "ok" for row in health.check(settings, engine))
    finally:
        engine.dispose()


def broken(settings: Settings) -> str:
    """A run of kill-broker, at the moment the broker is held down."""
    run_id = runner.start(settings, "kill-broker", seed=1)
    until(lambda: bool(leases.active(settings)), 30, "the fault is injected")
    return run_id


def test_the_same_seed_sends_the_same_commands() -> None:
    run_id = str(uuid.uuid4())
    first, second = (list(itertools.islice(load.CommandStream(3, run_id), 20)) for _ in range(2))
    other = list(itertools.islice(load.CommandStream(4, run_id), 20))
    assert first == second
    assert [each.gross_amount for each in first] != [each.gross_amount for each in other]


def test_a_second_run_beside_it_is_refused(embedded: Settings) -> None:
    run_id = broken(embedded)
    with pytest.raises(runner.AnotherRuns):
        runner.start(embedded, "audit")
    assert runner.current(embedded) == run_id
    runner.stop(embedded, run_id)
    last = list(runner.follow(embedded, run_id))[-1]
    assert (last.kind, journal.load_result(embedded, run_id)) == ("stopped", None)
    until(
        lambda: is_healthy(embedded) and not journal.is_scenario_running(embedded),
        HEALTHY_WITHIN_S,
        "healthy again after it was stopped",
    )


def test_a_killed_runner_leaves_the_stack_whole(embedded: Settings) -> None:
    run_id = broken(embedded)
    os.kill(int((journal.folder(embedded, run_id) / "pid").read_text()), signal.SIGKILL)
    assert list(runner.follow(embedded, run_id))[-1].kind == "stopped"
    until(lambda: is_healthy(embedded), HEALTHY_WITHIN_S, "whole again after the runner was killed")
    assert runner.run(embedded, "duplicate-command", seed=1).verdict == "PASS"
    with Application(embedded, pool_size=1) as application, application.reading() as connection:
        assert {run.id: run.state for run in journal.list_runs(connection)}[run_id] == "stopped"


def test_a_run_survives_the_client_that_asked_for_it(embedded: Settings) -> None:
    known = set((embedded.data / "scenarios").glob("*"))
    client = subprocess.Popen(
        [sys.executable, "-m", "cli", "scenario", "run", "kill-worker", "--seed", "5"],
        cwd=REPOSITORY,
        env={**os.environ, "ALPES_HOME": str(embedded.home), "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: journal.is_scenario_running(embedded), 30, "the run began")
    client.kill()
    client.wait()
    until(lambda: not journal.is_scenario_running(embedded), 60, "the run ended")
    (made,) = set((embedded.data / "scenarios").glob("*")) - known
    found = journal.load_result(embedded, made.name)
    assert found is not None
    assert (found.verdict, found.seed) == ("PASS", 5)


def test_ctrl_c_stops_the_run_and_restores(embedded: Settings) -> None:
    client = subprocess.Popen(
        [sys.executable, "-m", "cli", "scenario", "run", "kill-broker"],
        cwd=REPOSITORY,
        env={**os.environ, "ALPES_HOME": str(embedded.home), "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: bool(leases.active(embedded)), 30, "the fault is injected")
    os.kill(client.pid, signal.SIGINT)
    assert client.wait(timeout=HEALTHY_WITHIN_S) == 130
    until(
        lambda: is_healthy(embedded) and not journal.is_scenario_running(embedded),
        HEALTHY_WITHIN_S,
        "healthy again after Ctrl-C",
    )


def test_the_evidence_needs_nothing_else_and_holds_no_secret(embedded: Settings) -> None:
    found = runner.run(embedded, "duplicate-command", seed=2)
    assert result_from_json(json.loads(json.dumps(found.to_json()))) == result_from_json(found.to_json())
    page = evidence.render_html(found)
    assert all(text in page for text in (found.hypothesis, "PASS", found.run_id, "--seed 2", "SQLite"))
    assert 'src="http' not in page
    assert embedded.control_token.get_secret_value() not in page + json.dumps(found.to_json())


def test_no_process_of_a_run_is_left(embedded: Settings) -> None:
    left = [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if "scenarios.process" in (process.info["cmdline"] or ())
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and str(embedded.home) in (process.environ() or {}).values()
    ]
    assert left == []
