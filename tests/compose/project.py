"""The project as somebody checked it out, with `docker compose` typed in it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scenarios.waiting import until
from settings.model import REPOSITORY
from stacks.compose.description import LEFT_OUT
from stacks.compose.docker import ONE_SHOTS
from stacks.processes import free_port
from tests.compose.engine import Engine

PORTS = ("API", "DASHBOARD", "BROKER", "ADMIN", "MYSQL")


@dataclass(frozen=True)
class Project:
    engine: Engine
    folder: Path
    variables: dict[str, str]
    files: tuple[str, ...] = ()
    """`-f …` of each file that is not the demo's alone."""

    def compose(self, *words: str) -> str:
        return self.engine.docker("compose", *self.files, *words, cwd=self.folder, variables=self.variables)

    def containers(self) -> dict[str, dict[str, Any]]:
        """{service: its container as `docker compose ps` tells it}, the one-shots too."""
        rows = map(json.loads, self.compose("ps", "--all", "--no-trunc", "--format", "json").splitlines())
        return {row["Service"]: row for row in rows}

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.docker("inspect", self.containers()[service]["ID"]))[0]
        return found

    def wait_healthy(self, deadline_s: float = 300) -> None:
        """Until every service that stays is healthy and every one-shot has ended well. Raises TookTooLong.

        A one-shot that has given up ends the wait at once.
        """
        last: dict[str, str] = {}

        def whole() -> bool:
            last.clear()
            for name, row in self.containers().items():
                state = f"{row['State']} {row['ExitCode']}" if name in ONE_SHOTS else f"{row['State']} {row['Health']}"
                last[name] = state
            failed = [
                name for name in ONE_SHOTS if last.get(name, "").startswith("exited") and last[name] != "exited 0"
            ]
            assert failed == []
            return len(last) > len(ONE_SHOTS) and all(
                state == ("exited 0" if name in ONE_SHOTS else "running healthy") for name, state in last.items()
            )

        try:
            until(whole, deadline_s, "every service is healthy", every_s=1)
        except Exception as error:
            error.add_note(f"{last}\n{self.compose('logs', '--tail', '8')}")
            raise

    def give_to(self, user: int) -> int:
        """As if somebody else had checked it out, where these tests may do that; whose it is."""
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", f"{user}:{user}", str(self.folder)], check=True)
        return self.folder.stat().st_uid

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.variables['ALPES_API_PORT']}"

    def order(self) -> list[str]:
        """Calculate and approve a commission; the ids of its events."""
        body = {"affiliateId": "aff-1", "campaignId": "cmp-1", "grossAmount": 120.5, "currency": "USD"}
        with httpx.Client(base_url=self.api, timeout=30, trust_env=False) as http:
            calculated = http.post("/commissions/calculate", json={"conversionId": str(uuid.uuid4()), **body})
            commission = calculated.raise_for_status().json()
            approved = http.post("/commissions/approve", json={"commissionId": commission["commissionId"]})
        return [*commission["eventIds"], *approved.raise_for_status().json()["eventIds"]]

    def wait_audited(self, events: list[str], deadline_s: float = 120) -> None:
        """Until each event has its one line in the audit file. Raises TookTooLong."""
        file = self.folder / "data" / "events.jsonl"
        until(lambda: self._audited(file) >= set(events), deadline_s, "each event has its audit line", every_s=0.5)
        lines = file.read_text(encoding="utf-8").splitlines()
        assert len({json.loads(line)["eventId"] for line in lines}) == len(lines), "an event was audited twice"

    def leftovers(self) -> dict[str, list[str]]:
        """Containers, volumes and networks of this project."""
        mine = ("--filter", f"label=com.docker.compose.project={self.variables['COMPOSE_PROJECT_NAME']}", "--quiet")
        return {
            "containers": self.engine.docker("ps", "--all", *mine).split(),
            "volumes": self.engine.docker("volume", "ls", *mine).split(),
            "networks": self.engine.docker("network", "ls", *mine).split(),
        }

    @staticmethod
    def _audited(file: Path) -> set[str]:
        if not file.exists():
            return set()
        return {json.loads(line)["eventId"] for line in file.read_text(encoding="utf-8").splitlines()}


@contextmanager
def checked_out(engine: Engine, folder: Path, *files: str, **variables: str) -> Iterator[Project]:
    """A copy of the project on free ports; its containers are gone afterwards."""
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    (folder / "data").mkdir()
    ports = {f"ALPES_{name}_PORT": str(free_port()) for name in PORTS}
    name = f"alpes-test-{secrets.token_hex(3)}"
    given = tuple(word for file in files for word in ("--file", file))
    project = Project(engine, folder, {"COMPOSE_PROJECT_NAME": name, **ports, **variables}, given)
    try:
        yield project
    finally:
        project.compose("down", "--volumes", "--remove-orphans")


def alpes(engine: Engine, home: Path, *words: str, **variables: str) -> tuple[int, Any]:
    """`./alpes … --json`: its exit code, and what it prints; an object with `text` where that is no JSON."""
    env = {**os.environ, **engine.environment, "PYTHONPATH": str(REPOSITORY), "ALPES_HOME": str(home), **variables}
    command = [sys.executable, "-m", "cli", *words]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, {"text": done.stdout, "errors": done.stderr[-2000:]}
