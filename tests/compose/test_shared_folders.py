"""Folders that the containers and this machine's users share: who owns what, and what a part needs to know."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from application import crash_points, leases
from scenarios import journal
from settings import Settings
from settings.model import REPOSITORY
from stacks import backup, operation
from stacks.compose import cli, model, outside
from stacks.native import intent
from stacks.staging import Staged

FOLDERS = REPOSITORY / "stacks" / "compose" / "folders.sh"
OTHER = 61234
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may give files to another user")


def opened(folder: Path, user: int = cli.UNPRIVILEGED) -> None:
    subprocess.run(["sh", str(FOLDERS), str(folder), str(user)], check=True)


def as_user(user: int, script: str) -> int:
    """The exit code of a shell line run by another user."""
    return subprocess.run(["sh", "-c", script], user=user, group=user, extra_groups=[], check=False).returncode


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that others may get to, unlike pytest's own."""
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@as_root
@pytest.mark.parametrize("owner", [0, OTHER])
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_the_parts_write_into_whosever_folder_and_the_file_stays_its_owners(
    owner: int, mode: int, shared: Path
) -> None:
    os.chown(shared, owner, owner)
    shared.chmod(mode)
    opened(shared)
    opened(shared)  # once more, as at each start
    file = shared / "events.jsonl"
    assert as_user(cli.UNPRIVILEGED, f"echo line >>{file}") == 0
    assert {file.stat().st_uid, shared.stat().st_uid} == {owner}
    # Removed while the parts run, it is made anew; the owner of the folder may remove that one too.
    assert as_user(owner, f"rm -rf {shared}/*") == 0
    assert as_user(cli.UNPRIVILEGED, f"echo line >>{file}") == 0
    assert as_user(OTHER + 1, f"rm -f {file}") != 0
    assert as_user(owner, f"rm -rf {shared}/*") == 0
    assert list(shared.iterdir()) == []


def test_a_folder_of_the_parts_own_user_stays_as_it_is(shared: Path) -> None:
    before = shared.stat().st_mode
    opened(shared, os.getuid())
    assert (shared.stat().st_mode, list(shared.iterdir())) == (before, [])


def test_a_link_that_leads_nowhere_does_not_stand_in_the_way(shared: Path) -> None:
    (shared / "events.jsonl").symlink_to("../.alpes/native/data/events.jsonl")
    opened(shared, os.getuid())
    assert not (shared / "events.jsonl").is_symlink()


class NothingStaged(Staged):
    def __init__(self) -> None: ...

    def published(self, of_outbox: bool) -> list[dict[str, Any]]:
        return []


@as_root
def test_what_root_makes_for_the_parts_is_theirs(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", stack="compose", control_token="secret")
    outside.prepare(settings)
    leases.grant(settings, "notifications", "slow", 1, {"delay_ms": 1})
    crash_points.arm(settings, "api", "command.committed", "secret")
    with journal.scenario_lock(settings):
        pass
    intent.write(settings, "run")
    backup._prepare_observer_store(settings, NothingStaged())
    with operation.alone(settings, "test", lambda _: None):
        operation.write(settings, operation.Journal("test", 1, "undecided"))
    made = [*settings.run.rglob("*"), *settings.data.rglob("*")]
    assert {path.name for path in made} >= {"faults.jsonl", "scenario.lock", "api.command.committed", "operation.json"}
    assert {path.name for path in made} >= {"operation.lock", "source.intent", "observer.db.new"}
    assert {path.stat().st_uid for path in made} == {cli.owner()}


def test_a_part_needs_no_control_token_to_die_at_a_crash_point(tmp_path: Path) -> None:
    outside_it = Settings(home=tmp_path, control_token="secret")
    key = crash_points.key(outside_it)
    assert "secret" not in key
    crash_points.arm(outside_it, "notifications", "notifications.committed", "secret")
    code = (
        "from settings import load; from application import crash_points as c;"
        " c.of_this_process(load()).reached('notifications.committed')"
    )
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "ALPES_HOME": str(tmp_path), "ALPES_PART": "notifications"}

    def reach(**more: str) -> int:
        return subprocess.run([sys.executable, "-c", code], env={**env, **more}, check=False).returncode

    assert reach() == 0, "without the key there are no crash points"
    assert reach(ALPES_CRASH_KEY="another") == 0
    assert reach(ALPES_CRASH_KEY=key) == -9
    assert crash_points.read_hit(outside_it, "notifications", "notifications.committed") is not None
    with pytest.raises(PermissionError):
        crash_points.arm(Settings(home=tmp_path, crash_key=key), "api", "command.committed", key)


def test_each_service_is_given_no_more_than_it_needs() -> None:
    values = {"ALPES_CONTROL_TOKEN": "token", "ALPES_CRASH_KEY": "key"}
    services = model.demo(values)["services"]
    holders = {
        variable: {name for name, each in services.items() if value in each.get("environment", {}).values()}
        for variable, value in values.items()
    }
    assert holders["ALPES_CONTROL_TOKEN"] == {"api", "dashboard"}
    assert holders["ALPES_CRASH_KEY"] == {"notificaciones", "commands", "audit", "dashboard"}
    for each in model.production(values)["services"].values():
        assert not set(each.get("environment", {}).values()) & set(values.values())
