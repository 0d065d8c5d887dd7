"""The dashboard file and the documentation name what there is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from settings import Settings
from settings.model import REPOSITORY
from stacks import metrics
from stacks.native import roles

GAUGES = {"outbox_depth", "outbox_seq", "lag_seconds", "up", "database_up", "published_events", "captured_seq"}


def test_the_dashboard_asks_only_for_metrics_there_are() -> None:
    known = {f"alpes_{name}" for name in GAUGES}
    known |= {f"alpes_{name}_total" for name in metrics.COUNTERS}
    known |= {f"alpes_{name}_seconds_bucket" for name in metrics.DISTRIBUTIONS}
    panels = json.loads((REPOSITORY / "docs/grafana/alpes.json").read_text())["panels"]
    asked = {
        name for panel in panels for target in panel["targets"] for name in re.findall(r"alpes_\w+", target["expr"])
    }
    assert len(asked) >= 8
    assert asked <= known


def test_every_setting_the_documentation_names_is_one() -> None:
    text = (REPOSITORY / "docs/security-and-observability.md").read_text()
    named = set(re.findall(r"ALPES_([A-Z_]+[A-Z])", text)) - {"HOME", "X"}
    rows = [line for line in text.splitlines() if line.startswith("|")]
    named |= {
        name for row in rows for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+|PARTITIONS|WORKERS|SUBSCRIPTION)`", row)
    }
    assert len(named) > 30
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_every_role_is_documented() -> None:
    text = (REPOSITORY / "docs/security-and-observability.md").read_text()
    for role in (*roles.SUPERUSERS, *roles.list_rights(Settings())):
        assert f"| `{role}` |" in text


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ('{"dependencies": [{"name": "a", "version": "1", "skip_reason": "not found"}]}', 0, "NOT DONE"),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', 0, "1 packages looked up, 0 with"),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]}',
            1,
            "X-1; fixed in 2",
        ),
        ("", 0, "NOT DONE"),
    ],
)
def test_the_audit_fails_for_a_weakness_and_tells_when_it_was_not_done(
    tmp_path: Path, found: str, code: int, said: str
) -> None:
    file = tmp_path / "found.json"
    file.write_text(found)
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / ".ci/audited.py"), str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout
