"""`bench flame` as a user starts it: it samples the busiest processes, and stops everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

from bench.flame import PY_SPY
from settings.model import REPOSITORY


def test_the_busiest_processes_are_sampled(missing: Callable[[str, str], None]) -> None:
    if not PY_SPY.exists():
        missing("py-spy", "the packages of requirements/test.txt bring it")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPES_")}
    command = [sys.executable, "-m", "cli", "bench", "flame", "--stack", "embedded", "--seconds", "3", "--json"]
    run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300)
    if "ptrace_scope" in run.stderr and os.getuid() != 0:
        missing("py-spy", "this user may not read other processes")
    assert run.returncode == 0, run.stderr
    flames = json.loads(run.stdout)
    assert len(flames) == 3
    assert "client" in {flame["process"] for flame in flames}, (
        "the process that sends the commands is one of the busiest"
    )
    for flame in flames:
        assert sum(flame["stacks"].values()) > 0
        assert not any("fork_server" in stack or "supervisor/" in stack for stack in flame["stacks"])
    (client,) = (flame for flame in flames if flame["process"] == "client")
    assert any("send_command (bench/outcome.py" in stack for stack in client["stacks"])
