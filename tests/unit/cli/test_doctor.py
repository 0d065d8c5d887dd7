"""Test the verb doctor: what the chosen stack lacks makes it fail, what another one lacks does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import typer

from cli import doctor as verb
from cli.doctor import Finding, doctor
from settings import Settings


@pytest.fixture
def findings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """Return the list of what is found on this machine."""
    found: list[Finding] = []
    for name in ("_check_machine", "_check_native", "_check_compose", "_check_message_sizes"):
        monkeypatch.setattr(verb, name, lambda _settings: [])
    monkeypatch.setattr(verb, "_check_embedded", lambda: found)
    return found


@pytest.mark.parametrize(
    ("needed_by", "fails"), [("all stacks", True), ("external", True), ("native", False), ("compose", False)]
)
def test_only_what_the_chosen_stack_needs_makes_it_fail(
    findings: list[Finding], printed: Callable[[], Any], needed_by: str, fails: bool
) -> None:
    findings.append(Finding("a tool", False, "missing", "install it", needed_by))
    if fails:
        with pytest.raises(typer.Exit) as ended:
            doctor(json=True)
        assert ended.value.exit_code == 1
    else:
        doctor(json=True)
    answer = printed()
    assert answer["ok"] is not fails
    assert [row["what"] for row in answer["findings"]] == ["a tool"]


def test_what_is_missing_is_printed_with_its_cure(findings: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    findings += [Finding("one", False, "missing", "install one", "native"), Finding("two", True, "there", "no cure")]
    doctor()
    shown = capsys.readouterr().out
    assert "fix one: install one" in shown
    assert "no cure" not in shown
