"""Test the verbs of scenarios on stored runs: finding one, exit codes, and the evidence that is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import scenario_runs
from cli import scenarios as verbs
from cli.output import Failed
from scenarios import journal, runner
from scenarios.catalogue import scenarios
from scenarios.model import Counts, Result, Verdict
from settings import Settings


def result(verdict: Verdict) -> Result:
    return Result(
        run_id="11111111-2222-3333-4444-555555555555",
        name="kill-broker",
        stack="embedded",
        seed=7,
        hypothesis="It recovers.",
        verdict=verdict,
        reason="because",
        fault_confirmed=True,
        counts=Counts(*range(12)),
        recovery_s=1.5,
        noticed_s=None,
        duration_s=12.0,
        started_at=1_700_000_000.0,
        confirmations=(),
        checks=(),
        windows=(),
        figures={},
        wrong_event_ids={},
        timeline=(),
        samples=(),
        points=(),
        versions={},
    )


def test_the_list_has_every_scenario_with_its_hypothesis(printed: Callable[[], Any]) -> None:
    verbs.list_scenarios(json=True)
    assert [entry["name"] for entry in printed()] == list(scenarios())


@pytest.mark.parametrize(("verdicts", "fails"), [(["PASS"], False), (["PASS", "FAIL"], True), (["INCONCLUSIVE"], True)])
def test_only_a_pass_of_every_run_is_a_success(
    settings: Settings, printed: Callable[[], Any], verdicts: list[Verdict], fails: bool
) -> None:
    results = [result(verdict) for verdict in verdicts]
    if fails:
        with pytest.raises(typer.Exit) as ended:
            scenario_runs.print_results(settings, results, True, as_list=True)
        assert ended.value.exit_code == 1
    else:
        scenario_runs.print_results(settings, results, True, as_list=True)
    answer = printed()
    assert answer["ok"] is not fails
    assert [row["verdict"] for row in answer["results"]] == verdicts


def test_a_result_is_printed_with_its_counts_and_recovery(capsys: pytest.CaptureFixture[str]) -> None:
    scenario_runs.print_result(result("FAIL"))
    shown = capsys.readouterr().out
    assert "FAIL kill-broker (embedded, seed 7)" in shown
    assert "recovered after 1.50 s" in shown
    assert "lost" in shown


def test_a_run_that_does_not_exist_is_named(settings: Settings) -> None:
    for run_id in ("last", "1111"):
        with pytest.raises(Failed, match=f"0 finished runs match '{run_id}'"):
            verbs.show(run_id)


def test_the_evidence_of_a_run_is_one_page_and_its_json(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: Callable[[], Any]
) -> None:
    monkeypatch.setattr(verbs, "_load_result", lambda *_: (settings, result("PASS")))
    verbs.export("last", tmp_path / "evidence", json=True)
    written = printed()
    assert "It recovers." in Path(written["html"]).read_text(encoding="utf-8")
    assert Path(written["json"]).name == "kill-broker-embedded-11111111.json"


def test_stop_ends_the_run_that_is_under_way_and_nothing_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, printed: Callable[[], Any]
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(runner, "stop", lambda _settings, run_id: stopped.append(run_id))
    verbs.stop(json=True)
    assert (printed(), stopped) == ({"ok": True, "stopped": None}, [])
    monkeypatch.setattr(runner, "current", lambda _: "run-1")
    verbs.stop(json=True)
    assert (printed()["stopped"], stopped) == ("run-1", ["run-1"])


def test_runs_are_listed_as_the_journal_has_them(settings: Settings, printed: Callable[[], Any]) -> None:
    verbs.runs(json=True)
    assert printed() == []
    assert journal.load_result(settings, "no-such-run") is None
