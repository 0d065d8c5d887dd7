"""The cluster on Docker: four workers and eight partitions, and servers that die one at a time. It takes minutes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from scenarios.waiting import until
from stacks.compose.cluster import BOOKIES, BROKERS
from stacks.processes import free_port
from tests.compose.engine import Engine
from tests.compose.project import PORTS, alpes

pytestmark = [pytest.mark.docker, pytest.mark.breadth, pytest.mark.timeout(2400)]

SCENARIOS = ("eventual-consistency", "kill-worker", "kill-bookie", "kill-one-broker")
WORKERS = {f"notifications-{number}" for number in range(1, 5)}


def test_events_go_through_the_cluster_whatever_server_dies(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    ports = {f"ALPES_{name}_PORT": str(free_port()) for name in PORTS}

    def did(*words: str) -> Any:
        began = time.monotonic()
        code, answer = alpes(engine, home, *words, "--stack", "compose", "--json", **ports)
        with capsys.disabled():
            print(f"\n{time.monotonic() - began:6.1f} s  {' '.join(words)}", end="")
        assert code == 0, (words, answer)
        return answer

    try:
        did("up", "--cluster", "-d")
        # On a busy machine the containers are healthy before every event of the start has been seen everywhere.
        asked = ("status", "--stack", "compose", "--json")
        until(lambda: alpes(engine, home, *asked, **ports)[0] == 0, 180, "every component is healthy", every_s=1)
        status = did("status")
        assert {part["name"] for part in status["parts"]} >= {*WORKERS, *BOOKIES, *BROKERS, "zookeeper"}
        with capsys.disabled():
            print(f"\n{status['memory_mb']:6.0f} MB", end="")
        assert did("e2e")["ok"] is True
        for name in SCENARIOS:
            result = did("scenario", "run", name)
            assert (result["verdict"], result["out_of_order"]) == ("PASS", 0), result
    finally:
        down, said = alpes(engine, home, "down", "--stack", "compose")
        cleaned, said_too = alpes(engine, home, "clean", "--yes", "--stack", "compose")
    assert (down, cleaned) == (0, 0), (said, said_too)
    assert "alpes" not in engine.docker("ps", "--all", "--format", "{{.Names}}")
    assert "alpes" not in engine.docker("volume", "ls", "--format", "{{.Name}}")
    assert not home.exists() or not list(home.rglob("*"))
