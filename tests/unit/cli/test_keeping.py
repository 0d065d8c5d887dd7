"""Test the verbs prune, backup and restore without a running component."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from application.permissions import Forbidden
from cli import keeping
from cli.commissions import calculate
from settings import Settings
from stacks import backup as backups
from stacks.operation import Say
from tests.unit.cli.conftest import Found


def test_a_dry_run_counts_and_removes_nothing(settings: Settings, printed: Callable[[], Any]) -> None:
    calculate("1.00", json=True)
    printed()
    keeping.prune(keep_days=0, dry_run=True, json=True)
    report = printed()
    assert (report["pruned"], report["kept_not_captured"]) == (0, 1)


def test_prune_says_why_old_rows_stay(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    calculate("1.00")
    keeping.prune(keep_days=0)
    shown = " ".join(capsys.readouterr().out.split())
    assert "were removed: 0 outbox rows" in shown
    assert "kept although old enough: 1 not captured" in shown


def test_a_back_up_is_json_lines_with_every_row(
    settings: Settings, tmp_path: Path, printed: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    calculate("1.00", conversion="conv-1")
    capsys.readouterr()
    file = tmp_path / "rows.jsonl"
    keeping.backup(file, json=True)
    answer = printed()
    assert (answer["rows"]["commission"], answer["rows"]["outbox_event"]) == (1, 1)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert "conv-1" in json.dumps(lines)


def test_restore_asks_and_a_no_changes_nothing(tmp_path: Path, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    found(Settings(home=tmp_path))
    restored: list[Path] = []

    def restore(_settings: Settings, file: Path, _say: Say) -> dict[str, int]:
        restored.append(file)
        return {"commission": 1}

    monkeypatch.setattr(backups, "restore", restore)
    monkeypatch.setattr(typer, "confirm", lambda question: "Replace everything" not in question)
    with pytest.raises(typer.Exit) as ended:
        keeping.restore(tmp_path / "b")
    assert (ended.value.exit_code, restored) == (1, [])
    keeping.restore(tmp_path / "b", yes=True, json=True)
    assert restored == [tmp_path / "b"]


def test_restore_is_refused_before_it_asks(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "confirm", lambda _: pytest.fail("it asked"))
    with pytest.raises(Forbidden):
        keeping.restore(settings.home / "b")
