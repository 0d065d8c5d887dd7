"""Typing at a terminal: what was seen, what was not, Ctrl-C for what shows on, and variables from line to line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from stacks.compose import description
from stacks.compose.cli import DockerUnavailable
from stacks.compose.description import Line, Outcome


@pytest.fixture
def typed(tmp_path: Path):  # type: ignore[no-untyped-def]
    def run(line: Line) -> Outcome:
        return description._judge_line(line, line.typed, tmp_path, {"STATE": str(tmp_path / "variables")})

    return run


def test_what_is_seen_passes_and_what_is_not_is_told(typed) -> None:  # type: ignore[no-untyped-def]
    assert typed(Line("echo one; echo two", sees=("one", r"\btwo\b"))).ok
    missed = typed(Line("echo one", sees=("one", "two")))
    assert (missed.ok, "'two' was not seen" in missed.detail, "one" in missed.detail) == (False, True, True)
    failed = typed(Line("echo one; false", sees=("one",)))
    assert (failed.ok, "exit code 1" in failed.detail) == (False, True)


def test_it_is_a_terminal(typed) -> None:  # type: ignore[no-untyped-def]
    assert typed(Line("test -t 0 && test -t 1 && echo yes", sees=("yes",))).ok


def test_variables_are_there_for_the_next_line(typed) -> None:  # type: ignore[no-untyped-def]
    assert typed(Line("CID='a b'")).ok
    assert typed(Line('echo "<$CID>"', sees=("<a b>",))).ok


def test_what_shows_on_is_ended_once_all_was_seen(typed) -> None:  # type: ignore[no-untyped-def]
    line = Line("echo ready; exec tail -f /dev/null", sees=("ready",), live=True, within=60)
    found = typed(line)
    assert (found.ok, found.seconds < 30) == (True, True), found
    silent = typed(Line("exec tail -f /dev/null", sees=("ready",), live=True, within=0.5))
    assert not silent.ok


def test_what_comes_about_by_itself_is_typed_again(typed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    line = Line("echo x >>count; [ $(wc -l <count) -lt 3 ] || echo done", sees=("done",), again=60)
    assert typed(line).ok
    assert (tmp_path / "count").read_text() == "x\n" * 3


def test_the_file_is_whole() -> None:
    lines = description.lines()
    assert [line for line in lines for pattern in line.sees if re.compile(pattern) is None] == []
    assert [line.typed for line in lines if line.live and not line.sees] == []
    own = [line.typed for line in lines if not line.added]
    assert own[0] == own[-2] == "docker compose down -v"
    for word in ("outbox-events", "alpes-mysql.alpes.outbox_event", "sources create", "sources restart", "TRUNCATE"):
        assert any(word in line for line in own)


def test_containers_of_the_same_names_are_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, script in {"docker": "echo other-mysql-1", "curl": "", "jq": "", "uuidgen": ""}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(DockerUnavailable, match="other-mysql-1"):
        description.run()
