"""Continuous integration's script succeeds when all its commands do, and fails when any of them does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from settings.model import REPOSITORY


def _run(directory: Path, failing: str) -> int:
    """Run the script in a directory whose commands fail if their arguments begin with `failing`; return its exit code."""
    (directory / ".ci").mkdir()
    shutil.copy(REPOSITORY / ".ci" / "run", directory / ".ci" / "run")
    commands = {"alpes": "alpes", ".ci/checks": "checks", "bin/id": "id", "bin/mktemp": "mktemp"}
    (directory / "bin").mkdir()
    for path, name in commands.items():
        file = directory / path
        file.write_text(f'#!/bin/sh\ncase "{name} $*" in "{failing}"*) exit 3 ;; esac\n{_OUTPUT.get(name, "")}\n')
        file.chmod(0o755)
    env = {**os.environ, "PATH": f"{directory / 'bin'}:{os.environ['PATH']}", "FILE": str(directory / "output")}
    return subprocess.run(
        ["sh", ".ci/run"], cwd=directory, env=env, capture_output=True, timeout=60, check=False
    ).returncode


_OUTPUT = {"id": "echo 1000", "mktemp": 'mkdir "$FILE" && echo "$FILE"'}
"""What two commands do: print an ordinary user's id, so that no package is installed, and make a folder and print its name."""


def test_it_succeeds_when_every_command_does(tmp_path: Path) -> None:
    assert _run(tmp_path, failing="none of them") == 0
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    "command",
    [
        "alpes test --collect-only",
        "alpes bench",
        "alpes notebooks --check --sample --stack embedded",
        "alpes notebooks --check --sample --stack native",
        "checks",
        "alpes test --require",
    ],
)
def test_it_fails_when_one_command_does(tmp_path: Path, command: str) -> None:
    assert _run(tmp_path, failing=command) != 0
    assert not (tmp_path / "output").exists()
