"""Test that the next start completes a stop, a removal or an operation that was killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from settings import Settings, load
from settings import files as settings_files
from stacks import audit_link, instance, operation, ownership, recovery, removal
from stacks.instance import AlreadyRunning, Started
from stacks.operation import Journal
from stacks.ownership import INSTANCE

FILES = (
    "instance.json", "run.json", "secrets/tokens/admin.jwt", "logs/api.log", "data/alpes.db", "data/observer.db",
    "data/faults.jsonl", "run/operation.lock", "run/scenario.lock", "run/stopping", "run/heartbeat/relay",
)  # fmt: skip
FOREIGN = ("data/mine.csv", "notes.txt")


def write_home(home: Path, marker: bool = True) -> Settings:
    settings = Settings(home=home)
    if marker:
        ownership.claim(INSTANCE, home)
    for name in FILES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text('{"stack": "embedded"}' if name.endswith(".json") else "text")
    return settings


def files(home: Path) -> set[str]:
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _no_audit_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_link, "remove_link", lambda: None)


class Killed(BaseException):
    """It ends a command where a SIGKILL would."""


def kill_at(monkeypatch: pytest.MonkeyPatch, number: int) -> list[str]:
    """Let the deletion with this number end the command; return the list of deleted names, which grows."""
    unlink = Path.unlink
    deleted: list[str] = []

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path.suffix != ".tmp":
            if len(deleted) == number:
                raise Killed
            deleted.append(path.name)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    return deleted


def start(home: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> set[str]:
    """Start an instance without its processes; return the files that were there when they would have started."""
    seen: list[set[str]] = []

    def start_nothing(settings: Settings, *_: object) -> Started:
        seen.append(files(settings.home))
        return Started(settings, 0.0)

    with monkeypatch.context() as patch:
        patch.setattr(instance, "_start_locked", start_nothing)
        instance.up("embedded", home, said.append)
    return seen[0]


@pytest.mark.parametrize("number", range(len(FILES) + 2))
@pytest.mark.parametrize("marker", [True, False])
def test_the_next_start_finishes_a_removal_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, marker: bool
) -> None:
    settings = write_home(tmp_path, marker)
    with monkeypatch.context() as patch:
        kill_at(patch, number)
        with pytest.raises(Killed):
            instance.remove(settings)
    said: list[str] = []
    left = start(tmp_path, monkeypatch, said)
    # What a new start writes itself may be there; nothing of the removed run.
    assert left <= {INSTANCE.marker, *ownership.LOCKS, "instance.json", "run.json"}
    assert "text" not in {(tmp_path / name).read_text() for name in left - ownership.LOCKS}
    assert any("removal that was interrupted" in text for text in said) == (number < len(FILES) - 1)


@pytest.mark.parametrize("number", range(7))
def test_the_next_start_finishes_a_removal_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    settings = write_home(tmp_path)
    for name in FOREIGN:
        (tmp_path / name).write_text("precious")
    with monkeypatch.context() as patch:
        deleted = kill_at(patch, number)
        try:
            instance.remove_data(settings)
        except Killed:
            assert ownership.REMOVING in files(tmp_path)
        else:
            assert deleted[-1] == ownership.REMOVING
    left = start(tmp_path, monkeypatch, [])
    kept = {name for name in FILES if not name.startswith(("data/", "run/"))}
    assert left == {INSTANCE.marker, *ownership.LOCKS, *kept, *FOREIGN}


def test_the_note_the_locks_and_the_marker_are_deleted_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = write_home(tmp_path)
    with monkeypatch.context() as patch:
        deleted = kill_at(patch, 1000)
        instance.remove(settings)
    assert deleted[-4] == ownership.REMOVING
    assert sorted(deleted[-3:-1]) == ["operation.lock", "scenario.lock"]
    assert deleted[-1] == INSTANCE.marker
    assert not tmp_path.exists()


def test_a_removal_of_everything_remains_one_when_the_data_is_removed_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = write_home(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, 0)
        with pytest.raises(Killed):
            instance.remove(settings)
    instance.remove_data(settings)
    assert files(tmp_path) <= {INSTANCE.marker, *ownership.LOCKS}


@pytest.mark.parametrize(
    "note", ["", "[]", "{}", '{"below": ["../x"], "stack": "embedded"}', '{"below": 1, "stack": 1}']
)
def test_a_note_that_this_program_did_not_write_removes_nothing(tmp_path: Path, note: str) -> None:
    write_home(tmp_path)
    (tmp_path / ownership.REMOVING).write_text(note)
    assert removal.finish(tmp_path, lambda _: None) is False
    assert set(FILES) <= files(tmp_path)


@pytest.mark.parametrize("act", [instance.remove, instance.remove_data])
def test_a_removal_needs_no_note_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Settings], list[Path]]
) -> None:
    settings = write_home(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(settings_files, "write", fail)
    assert act(settings) == []
    assert not (tmp_path / "data").exists()


class Components:
    def __init__(self) -> None:
        self.is_running = True

    def running(self) -> bool:
        return self.is_running


@pytest.fixture
def components(monkeypatch: pytest.MonkeyPatch) -> Components:
    components = Components()
    monkeypatch.setattr(instance, "control", lambda _: components)
    return components


def stop(components: Components) -> Callable[..., bool]:
    def stop_locked(settings: Settings, _say: Any) -> bool:
        assert operation.find_abandoned(settings) is None
        components.is_running = False
        return True

    return stop_locked


def test_a_start_completes_a_stop_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, components: Components
) -> None:
    write_home(tmp_path)
    monkeypatch.setattr(instance, "_stop_locked", stop(components))
    said: list[str] = []
    start(tmp_path, monkeypatch, said)
    assert not components.is_running
    assert said == ["a command that stopped this instance was interrupted"]


def test_a_start_leaves_a_running_instance_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, components: Components
) -> None:
    settings = write_home(tmp_path)
    (settings.run / "stopping").unlink()
    monkeypatch.setattr(instance, "_stop_locked", stop(components))
    with pytest.raises(AlreadyRunning):
        instance.up("embedded", tmp_path, lambda _: None)
    assert components.is_running


@pytest.mark.parametrize("phase", ["undecided", "decided"])
def test_a_start_completes_an_operation_that_was_killed_and_leaves_the_instance_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, components: Components, phase: Any
) -> None:
    settings = write_home(tmp_path)
    (settings.run / "stopping").unlink()
    operation.write(settings, Journal("reset", 1, phase))
    recovered: list[str] = []

    def recover(settings: Settings, _say: Any) -> bool:
        assert json.loads(operation.path(settings).read_text())["phase"] == phase
        assert operation.find_abandoned(settings) is None  # the start holds the lock
        recovered.append(phase)
        return True

    monkeypatch.setattr(recovery, "recover", recover)
    with pytest.raises(AlreadyRunning):
        instance.up("embedded", tmp_path, lambda _: None)
    assert recovered == [phase]
    assert components.is_running
    assert load(home=tmp_path).stack == "embedded"
