"""Exit code 0 on success only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from settings.model import REPOSITORY


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["scenario", "list"], 0),
        (["status"], 1),
        (["logs", "no-such-part"], 1),
        (["scenario", "run", "audit", "--stack", "nowhere"], 2),
        (["no-such-verb"], 2),
        (["calculate", "--no-such-option"], 2),
    ],
)
def test_the_exit_code_says_whether_it_worked(tmp_path: Path, arguments: list[str], code: int) -> None:
    env = {**os.environ, "ALPES_HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
