"""Test how the command line ends: the exit code and the sentence for each kind of error."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from typing import Any

import httpx
import pytest
import typer
from pydantic import ValidationError

from cli import app as command_line
from cli.verbs import VERBS
from domain.errors import ExpectedError
from settings import Settings


@pytest.fixture(autouse=True)
def umask() -> Any:
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


def invalid_settings() -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        Settings(api_port="many")
    return refused.value


def end(monkeypatch: pytest.MonkeyPatch, outcome: object, *arguments: str) -> object:
    """Run the command line whose verb ends like this, and return its exit code."""

    def run(**_options: object) -> object:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(command_line, "app", run)
    monkeypatch.setattr(sys, "argv", ["alpes", *arguments])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    return ended.value.code


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (None, None, ""),
        (1, 1, ""),
        (KeyboardInterrupt(), 130, ""),
        (typer.Abort(), 130, ""),
        (ExpectedError("the port is busy"), 1, "alpes: the port is busy"),
        (sqlite3.OperationalError("no such table"), 1, "nothing has been observed yet"),
        (httpx.ConnectError("refused"), 1, "the API did not answer: refused"),
        (invalid_settings(), 2, "ALPES_API_PORT: "),
    ],
)
def test_each_end_has_its_code_and_its_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: object, code: object, says: str
) -> None:
    assert end(monkeypatch, outcome) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""


def test_for_a_program_the_error_is_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert end(monkeypatch, ExpectedError("the port is busy"), "status", "--json") == 1
    assert json.loads(capsys.readouterr().out) == {"ok": False, "error": "the port is busy"}


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_options: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(command_line, "app", fail)
    with pytest.raises(ZeroDivisionError):
        command_line.main()


def test_files_that_a_command_writes_are_its_owners_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    end(monkeypatch, None)
    assert os.umask(0) & 0o077 == 0o077


def test_every_verb_is_known_before_its_module_is_imported() -> None:
    registered = {command.name for command in command_line.app.registered_commands}
    assert set(VERBS) == registered
