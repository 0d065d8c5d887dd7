"""Validate the files with the compose specification's schema and with hadolint."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from settings.model import REPOSITORY
from stacks.compose import model
from stacks.compose.checks.check import Check


def check_demo_schema() -> Check:
    return _schema("docker-compose.yml fits the compose specification", model.demo())


def check_production_schema() -> Check:
    return _schema("compose.prod.yml over it fits the compose specification", model.production())


def check_cluster_schema() -> Check:
    return _schema("compose.cluster.yml over it fits the compose specification", model.cluster())


def check_dockerfile_style() -> Check:
    completed = _run(
        [str(Path(sys.executable).with_name("hadolint")), "--format", "tty", str(REPOSITORY / "Dockerfile")]
    )
    return Check(
        "hadolint finds nothing in the Dockerfile", completed.returncode == 0, completed.stdout.strip() or "no finding"
    )


def _schema(name: str, tree: dict[str, Any]) -> Check:
    # Validate the merged tree, not the file: only Compose understands its tag `!reset`.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compose.json"
        path.write_text(json.dumps(tree), encoding="utf-8")
        words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
        completed = _run([sys.executable, *words])
    output = (completed.stdout + completed.stderr).replace(str(path), "it").strip()
    return Check(name, completed.returncode == 0, output[-600:] or "validated")


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
