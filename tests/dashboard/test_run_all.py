"""Test the button that runs every scenario: its progress, its outcome, and that it starts nothing while something runs."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard import i18n
from dashboard.components import run_all
from dashboard.view_models import all_scenarios
from dashboard.view_models.runs import HISTORY
from scenarios.catalogue import list_all
from scenarios.journal import Run
from settings import Settings
from stacks.jobs import Job
from tests.dashboard.controls_walk import drawn


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def run(started_s: float, verdict: str | None) -> Run:
    return Run(f"r{started_s}", "audit", "embedded", 1, "finished", verdict, at(started_s), None)


@pytest.mark.parametrize(("ended_s", "verdicts"), [(None, ["FAIL", "PASS", "PASS"]), (25.0, ["PASS", "PASS"])])
def test_only_the_verdicts_of_its_own_runs_count(ended_s: float | None, verdicts: list[str]) -> None:
    job = Job("all", 10.0, 1, ended_s, None if ended_s is None else 0)
    history = (run(40.0, None), run(30.0, "FAIL"), run(20.0, "PASS"), run(10.0, "PASS"), run(5.0, "FAIL"))
    assert all_scenarios.verdicts_since(job, history) == verdicts


def write_job(settings: Settings, **values: object) -> Path:
    record = settings.logs / "jobs" / f"{all_scenarios.NAME}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"name": all_scenarios.NAME, "started_at": time.time(), "pid": os.getpid(), **values}))
    return record


@pytest.mark.usefixtures("english")
def test_while_all_run_the_page_offers_to_stop_them_and_starts_no_other(
    served: Settings, shown: dict[str, str]
) -> None:
    record = write_job(served)
    try:
        app = drawn("scenarios")
        keys = {button.key for button in app.button if not button.disabled}
        assert "stop-all" in keys
        assert not [key for key in keys if key and key.startswith("run-")]
        total = len(list_all(served.stack, False))
        assert f"0 of {total} have a verdict" in shown["run_all_progress"]
        write_job(served, ended_at=time.time(), code=0)
        app = drawn("scenarios")
        assert "All scenarios ended at" in shown["run_all_outcome"]
        assert "run-all" in {button.key for button in app.button}
        write_job(served, ended_at=time.time(), code=130)
        drawn("scenarios")
        assert "Stopped at" in shown["run_all_outcome"]
    finally:
        record.unlink()


@pytest.mark.parametrize(
    ("code", "verdict_count", "ended"),
    [
        (0, 3, "complete"),
        (1, 3, "complete"),
        (1, 2, "failed"),
        (2, 0, "failed"),
        (None, 1, "failed"),
        (130, 1, "stopped"),
        (143, 0, "stopped"),
    ],
)
def test_an_exit_code_alone_does_not_say_that_all_ended(code: int | None, verdict_count: int, ended: str) -> None:
    assert all_scenarios.find_outcome(Job("all", 10.0, 1, 25.0, code), verdict_count, total=3) == ended


def test_verdicts_that_the_history_has_no_more_are_not_called_missing() -> None:
    job = Job("all", 100.0, 1, 125.0, 1)
    later = tuple(run(200.0 + number, "PASS") for number in reversed(range(HISTORY)))
    assert not all_scenarios.is_covered(job, later)
    assert all_scenarios.is_covered(job, later[1:])
    assert all_scenarios.is_covered(job, (*later[1:], run(50.0, "PASS")))


def test_an_error_before_every_verdict_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_resolve", lambda: ("es", "es-CO"))
    job = Job("all", 10.0, 1, 25.0, 1, "kill-broker on the embedded stack\nkill-broker has no verdict: <b>\n")
    html = run_all.outcome(job, ["PASS", "PASS"], 14, "UTC")
    assert "Terminó a las 00:00:25 con el código de salida 1. 2 de 14 escenarios tienen veredicto: 2 PASS." in html
    assert "kill-broker has no verdict: &lt;b&gt;" in html
    killed = run_all.outcome(Job("all", 10.0, 1, 25.0), [], 14, "UTC")
    assert "sin código de salida. 0 de 14" in killed
    complete = run_all.outcome(Job("all", 10.0, 1, 25.0, 1), ["FAIL"] * 14, 14, "UTC")
    assert "terminaron" in complete
    assert "14 FAIL" in complete


def test_a_scenario_that_a_stack_lacks_is_not_among_all() -> None:
    names = {
        stack: [scenario.name for scenario in list_all(stack, False)] for stack in ("embedded", "native", "external")
    }
    assert names["external"] == []
    assert "kill-database" in names["native"]
    assert "kill-database" not in names["embedded"]
    of_debezium_server = [scenario.name for scenario in list_all("native", False, "debezium-server")]
    assert {"binlog-purged", "kill-database"} < {*of_debezium_server} == {*names["native"]}
    assert "capture-upgrade" not in names["native"], "it downloads the other capture"
