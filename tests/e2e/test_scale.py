"""A small run of `bench scale`, as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from settings.model import REPOSITORY


def test_a_small_instance_is_filled_measured_and_removed() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPES_")}
    command = [sys.executable, "-m", "cli", "bench", "scale", "--events", "1000", "--json"]
    run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    (level,) = json.loads(run.stdout)
    assert level["events"] == 1000
    assert level["reconciled"] is True
    assert (
        min(level[name] for name in level if name.endswith(("_s", "_ms", "_mb", "_event")) if name != "memory_mb") > 0
    )
    assert {"relay", "notifications", "observer", "audit", "dashboard"} <= level["memory_mb"].keys()
