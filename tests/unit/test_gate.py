"""Test the gate: what holds a component, and until when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from settings.model import REPOSITORY
from stacks.gate import held_by_operation, held_until


@pytest.mark.parametrize(
    ("content", "expected"),
    [('{"expires_at": 12.5}', 12.5), ("", 0.0), ("{}", 0.0), ("[]", 0.0), ('{"expires_at": "x"}', 0.0)],
)
def test_a_lease_holds_until_it_expires_and_a_damaged_one_holds_nothing(
    tmp_path: Path, content: str, expected: float
) -> None:
    file = tmp_path / "lease"
    file.write_text(content)
    assert held_until(str(file)) == expected
    assert held_until(str(tmp_path / "none")) == 0.0


@pytest.mark.parametrize(
    ("journal", "held"),
    [
        ({"parts": ["api"], "holds_until": None}, True),
        ({"parts": ["api"], "holds_until": 9e9}, True),
        ({"parts": ["api"], "holds_until": 1.0}, False),
        ({"parts": ["audit"], "holds_until": None}, False),
        ({}, False),
    ],
)
def test_an_operation_holds_the_components_in_its_journal(tmp_path: Path, journal: dict[str, Any], held: bool) -> None:
    file = tmp_path / "operation.json"
    file.write_text(json.dumps(journal))
    assert held_by_operation(str(file), "api") is held


def test_the_gate_starts_the_component_when_the_lease_has_expired(tmp_path: Path) -> None:
    expires_at = time.time() + 0.4
    (tmp_path / "lease").write_text(json.dumps({"expires_at": expires_at}))
    program = "import os, time; print(time.time(), os.environ['MINE'], os.getcwd())"
    specification = {
        "name": "api",
        "lease": str(tmp_path / "lease"),
        "operation": str(tmp_path / "none"),
        "argv": [sys.executable, "-c", program],
        "cwd": str(tmp_path),
        "env": {"MINE": "yes"},
    }
    file = tmp_path / "api.json"
    file.write_text(json.dumps(specification))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "stacks/gate.py", str(file)],
        cwd=REPOSITORY,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    started_at, mine, folder = done.stdout.split()
    assert float(started_at) >= expires_at
    assert (mine, folder) == ("yes", str(tmp_path.resolve()))
