"""`bench recovery` as a user starts it: every component comes back, and its figures are of events after the fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from settings.model import REPOSITORY
from tests.conftest import require_native


def test_on_embedded_every_component_recovers_and_nothing_is_lost() -> None:
    measured = _measure("embedded")
    assert {row["kind"]: row["fault"] for row in measured} == dict.fromkeys(("worker", "capture", "broker"), "SIGKILL")
    _check(measured)


@pytest.mark.native
@pytest.mark.breadth
@pytest.mark.timeout(580)
def test_on_native_every_component_recovers_and_nothing_is_lost(missing: Callable[[str, str], None]) -> None:
    require_native(missing)
    measured = _measure("native")
    assert [row["kind"] for row in measured] == ["worker", "capture", "broker", "database"]
    assert {row["kind"]: row["fault"] for row in measured}["capture"] == "restart"
    _check(measured)


def _measure(stack: str) -> list[dict[str, Any]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPES_")}
    command = [sys.executable, "-m", "cli", "bench", "recovery", "--stack", stack, "--rounds", "1", "--json"]
    run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=500)
    assert run.returncode == 0, run.stdout + run.stderr
    return list(json.loads(run.stdout)[stack])


def _check(measured: list[dict[str, Any]]) -> None:
    for row in measured:
        (one,) = row["rounds"]
        assert (row["lost"], row["duplicate_notifications"]) == (0, 0)
        assert 0 < one["first_s"] <= one["complete_s"], row
        assert (one["answers_s"] is not None) == (row["kind"] in ("broker", "database"))
