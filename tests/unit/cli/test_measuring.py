"""Test the verbs that measure, check the compose files and open the notebooks: what they print, and when they fail."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from rich.console import Console

from bench.throughput import Throughput
from cli import compose, download_bar, measuring, notebooks
from cli.download_bar import DownloadBar
from cli.output import Failed
from scenarios import end_to_end
from settings import Settings
from stacks.compose import description
from stacks.compose.cli import DockerUnavailable
from stacks.compose.description import Outcome
from tests.unit.cli.conftest import Found


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, found: Found, tmp_path: Path) -> list[dict[str, Any]]:
    """A running instance; return the options with which each was asked for."""
    found(Settings(home=tmp_path, stack="native"))
    asked: list[dict[str, Any]] = []

    @contextmanager
    def start(stack: str, **options: Any) -> Iterator[Settings]:
        asked.append({"stack": stack, **{name: value for name, value in options.items() if name != "say"}})
        yield Settings(home=tmp_path, stack=stack)

    monkeypatch.setattr(end_to_end, "running", start)
    return asked


def throughput(**changes: int) -> Throughput:
    values: dict[str, Any] = {"lost": 0, "out_of_order": 0, "duplicates_absorbed": 3}
    return Throughput("native", 10, 4, 2, 1.5, 2.5, 0.5, **{**values, **changes})


@pytest.mark.parametrize(("changes", "fails"), [({}, False), ({"lost": 1}, True), ({"out_of_order": 1}, True)])
def test_throughput_fails_when_an_event_is_lost_or_reordered(
    running: object,
    printed: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, int],
    fails: bool,
) -> None:
    monkeypatch.setattr(measuring, "measure_throughput", lambda *_, **__: throughput(**changes))
    if fails:
        with pytest.raises(typer.Exit):
            measuring.bench_throughput(json=True)
    else:
        measuring.bench_throughput(json=True)
    assert printed()["lost"] == changes.get("lost", 0)


def test_e2e_fails_when_a_step_is_missing_and_prints_its_hops(
    running: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = SimpleNamespace(
        ok=False, stack="native", commission_id="c-1", events=2, notifications=1, audit_lines=1, hops_ms={"a→b": 1.5}
    )
    monkeypatch.setattr(end_to_end, "run", lambda _: outcome)
    with pytest.raises(typer.Exit):
        measuring.e2e(secure=True, nar="3.1.2")
    shown = capsys.readouterr().out
    assert "not ok: native, commission c-1" in shown
    assert "a→b" in shown
    assert running == [{"stack": "native", "nar": "3.1.2", "secure": True}]


def test_an_instance_with_the_wanted_connector_is_not_started_anew(
    running: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "control", lambda _: SimpleNamespace(running=lambda: True))
    with measuring._running_instance(None, nar=Settings(home=tmp_path).nar):
        pass
    assert running == [{"stack": "native"}]


def test_latency_has_a_row_for_each_hop_and_the_whole(
    running: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = SimpleNamespace(
        hops_ms={"a→b": {"p50": 1.1, "p95": 2.2, "p99": 3.3}}, p50_ms=4.4, p95_ms=5.5, p99_ms=6.6, profile=None
    )
    monkeypatch.setattr(measuring, "measure_latency", lambda *_: report)
    monkeypatch.setattr("cli.measuring.instance.versions", lambda _: {})
    measuring.bench_latency(n=10)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["a→b", "1.1", "2.2", "3.3"] in lines
    assert ["command", "to", "notification", "4.4", "5.5", "6.6"] in lines


def test_the_floor_is_not_measured_on_a_database_of_others(tmp_path: Path, found: Found) -> None:
    found(Settings(home=tmp_path, stack="external"))
    with pytest.raises(Failed, match="writes no rows to an external database"):
        measuring.bench_floor()


def test_progress_on_no_terminal_is_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with measuring._progress_bar("commands", 30, True) as progress:
        progress(10)
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err.startswith("30 commands in 0.")


# Downloads.


def test_a_download_is_one_line_in_a_log_and_a_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with DownloadBar() as bar:
        bar(0, 430_000_000, "starting")
        bar(1_000, 430_000_000, "mysql.tar")
    assert capsys.readouterr().err.count("downloading 430 MB") == 1
    terminal = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr(download_bar, "err", terminal)
    with DownloadBar() as bar:
        assert bar._bar is None  # nothing is drawn before the first byte
        bar(215_000_000, 430_000_000, "mysql.tar")
        assert bar._bar is not None
        (task,) = bar._bar.tasks
        assert (task.completed, task.total, task.description) == (215_000_000, 430_000_000, "mysql.tar")


# The compose files.


@dataclass
class Check:
    name: str
    ok: bool
    detail: str = ""


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    checks: list[Check] = [Check("ports", True)]
    monkeypatch.setitem(sys.modules, "stacks.compose.checks", SimpleNamespace(run=lambda: checks))
    return checks


def typed(*outcomes: Outcome) -> Callable[..., list[Outcome]]:
    return lambda _tell: list(outcomes)


def test_a_failed_check_fails_and_nothing_is_typed(
    checks: list[Check], printed: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks.append(Check("memory", False, "no limit"))
    monkeypatch.setattr(compose, "_type_description", lambda: pytest.fail("it was typed"))
    with pytest.raises(typer.Exit):
        compose.check(json=True)
    assert printed()["ok"] is False


def test_without_docker_the_files_alone_decide(
    checks: list[Check], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise DockerUnavailable("docker is not installed")

    monkeypatch.setattr("stacks.compose.cli.require", refuse)
    compose.check()
    assert "were not typed: docker is not installed" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("complete", [True, False])
def test_every_line_of_the_description_must_have_run(
    checks: list[Check], monkeypatch: pytest.MonkeyPatch, printed: Callable[[], Any], complete: bool
) -> None:
    lines = description.lines()
    outcomes = [Outcome(line.typed, True, 0.1, "", bool(line.added)) for line in lines]
    monkeypatch.setattr("stacks.compose.cli.require", lambda: None)
    monkeypatch.setattr(description, "run", typed(*(outcomes if complete else outcomes[:-1])))
    if complete:
        compose.check(json=True)
    else:
        with pytest.raises(typer.Exit):
            compose.check(json=True)
    assert printed()["description"]["ok"] is complete


# Notebooks.


def test_without_their_packages_the_notebooks_say_what_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "find_spec", lambda _: None)
    with pytest.raises(Failed, match=r"`\./alpes notebooks` installs them"):
        notebooks.notebooks(SimpleNamespace(args=[]))  # type: ignore[arg-type]


def execute(monkeypatch: pytest.MonkeyPatch, planned: dict[str, list[str]], *ok: bool) -> None:
    executions = [
        SimpleNamespace(notebook=f"en/{number}", stack="embedded", ok=each, seconds=1.0, error="" if each else "cell 3")
        for number, each in enumerate(ok)
    ]
    module = SimpleNamespace(plan=lambda *_: planned, run=lambda *_: executions)
    monkeypatch.setitem(sys.modules, "lab.notebooks", module)
    monkeypatch.setattr(notebooks, "find_spec", lambda _: True)


def test_a_notebook_that_fails_is_named_with_its_error(
    monkeypatch: pytest.MonkeyPatch, printed: Callable[[], Any]
) -> None:
    execute(monkeypatch, {"embedded": ["x"]}, True, False)
    with pytest.raises(typer.Exit):
        notebooks._execute_notebooks("", None, False, False, True)
    answer = printed()
    assert (answer["ok"], answer["errors"]) == (False, {"en/1 (embedded)": "cell 3"})


def test_a_name_that_no_notebook_has_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    execute(monkeypatch, {"embedded": [], "native": []})
    with pytest.raises(Failed, match="begins with '99'"):
        notebooks._execute_notebooks("99", None, False, False, False)


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_jupyterlab_may_be_root_only_where_the_user_is(
    monkeypatch: pytest.MonkeyPatch, user: int, allowed: bool
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_options: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=7)

    monkeypatch.setattr("cli.notebooks.os.geteuid", lambda: user)
    monkeypatch.setattr("cli.notebooks.subprocess.run", run)
    assert notebooks._open_jupyterlab(["--port=1"]) == 7
    assert ("--allow-root" in commands[0]) is allowed
    assert commands[0][-1] == "--port=1"
