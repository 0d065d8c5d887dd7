"""Test the table of verbs: it names what the modules define, and `--help` loads none of their libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cli.verbs import VERBS, load
from settings.model import REPOSITORY

HEAVY = ("sqlalchemy", "pydantic", "httpx", "pulsar", "pandas", "plotly", "streamlit", "alembic", "fastapi", "pymysql")


@pytest.mark.parametrize("verb", VERBS)
def test_the_line_of_a_verb_is_the_beginning_of_its_help(verb: str) -> None:
    command = load(verb)
    first_paragraph = " ".join((command.help or "").split("\n\n")[0].split())
    assert first_paragraph.startswith(VERBS[verb][1].rstrip("."))


def test_every_module_that_registers_verbs_is_in_the_table() -> None:
    registering = {
        path.stem for path in (REPOSITORY / "cli").glob("*.py") if "def register(" in path.read_text(encoding="utf-8")
    }
    assert {module for module, _ in VERBS.values()} == registering
    for module in registering:
        app = typer.Typer()
        app.callback()(lambda: None)
        __import__(f"cli.{module}", fromlist=["register"]).register(app)
        defined = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
        assert defined == {verb for verb, (name, _) in VERBS.items() if name == module}


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    program = f"import sys; sys.argv = {['alpes', *words]!r}; import cli.app, atexit; "
    program += (
        f"atexit.register(lambda: print('loaded', [name for name in {HEAVY!r} if name in sys.modules])); cli.app.main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_help_lists_every_verb_and_loads_no_heavy_library() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "loaded []" in done.stdout
    assert [verb for verb in VERBS if f" {verb} " not in done.stdout] == []


def test_the_help_of_a_verb_shows_its_options() -> None:
    done = run("kill", "--help")
    assert done.returncode == 0
    assert "--hold" in done.stdout


def test_an_unknown_verb_is_wrong_usage_and_a_near_one_is_suggested() -> None:
    done = run("statsu")
    assert done.returncode == 2
    assert "status" in done.stderr


def test_an_expected_error_is_a_sentence(tmp_path: Path) -> None:
    done = run("source", "status", "--stack", "embedded", ALPES_HOME=str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "source" in done.stderr


def test_invalid_settings_are_named(tmp_path: Path) -> None:
    done = run("status", ALPES_HOME=str(tmp_path), ALPES_API_PORT="eighty")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "ALPES_API_PORT: " in done.stderr
