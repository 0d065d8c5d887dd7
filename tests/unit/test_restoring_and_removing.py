"""Test the small programs that tidy up after faults and owners: a killed container, an abandoned instance, files of SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from application import leases
from settings import Settings
from stacks import abandoned, instance, sqlite_files
from stacks.compose import restorer
from stacks.compose.cli import DockerUnavailable
from stacks.control import NotRunning, PartUnknown
from stacks.native import relock
from telemetry import logs
from tests.clocks import patch_time


class Docker:
    """Raises these errors, one at each attempt, before it starts the component."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.started: list[str] = []

    def start_part(self, part: str) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.started.append(part)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    patch_time(monkeypatch, "stacks.compose.restorer", sleep=slept.append)
    return slept


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_container_is_started_when_its_lease_has_ended_and_not_before(
    settings: Settings, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    leases.grant(settings, "broker", "kill", 60)
    docker = Docker()

    def sleep(seconds: float) -> None:
        assert docker.started == []
        slept.append(seconds)
        if len(slept) == 3:
            leases.release(settings, "broker", "kill")

    patch_time(monkeypatch, "stacks.compose.restorer", sleep=sleep)
    assert restorer.restore(settings, "broker", docker)  # type: ignore[arg-type]
    assert (docker.started, len(slept)) == (["broker"], 3)


def test_the_lease_of_another_component_is_not_waited_for(settings: Settings, slept: list[float]) -> None:
    leases.grant(settings, "database", "kill", 60)
    assert restorer.restore(settings, "broker", Docker())  # type: ignore[arg-type]
    assert slept == []


def test_a_busy_docker_is_asked_again_and_given_up_in_the_end(settings: Settings, slept: list[float]) -> None:
    busy = DockerUnavailable("busy")
    assert restorer.restore(settings, "broker", Docker(busy, busy))  # type: ignore[arg-type]
    docker = Docker(*[busy] * 1000)
    assert not restorer.restore(settings, "broker", docker)  # type: ignore[arg-type]
    assert len(docker.errors) == 1000 - restorer.TRIES


@pytest.mark.parametrize("error", [NotRunning("stopped"), PartUnknown("no such")])
def test_a_stack_that_was_stopped_meanwhile_stays_stopped(
    settings: Settings, slept: list[float], error: Exception
) -> None:
    docker = Docker(error)
    assert not restorer.restore(settings, "broker", docker)  # type: ignore[arg-type]
    assert docker.started == []


def test_an_abandoned_instance_is_stopped_before_it_is_removed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, Path]] = []
    monkeypatch.setattr(abandoned, "load", lambda: settings)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    monkeypatch.setattr(instance, "down", lambda given, _say: done.append(("down", given.home)))
    monkeypatch.setattr(instance, "remove", lambda given: done.append(("remove", given.home)))
    abandoned.main()
    assert done == [("down", settings.home), ("remove", settings.home)]


def test_a_database_goes_with_its_own_files_and_no_others(tmp_path: Path) -> None:
    own = ["alpes.db", "alpes.db-wal", "alpes.db-shm", "alpes.db-journal"]
    foreign = ["alpes.db-backup", "alpes.db.old", "other.db", "alpes.dbx"]
    for name in (*own, *foreign):
        (tmp_path / name).touch()
    sqlite_files.remove_database(tmp_path / "alpes.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(foreign)
    sqlite_files.remove_database(tmp_path / "alpes.db")  # twice is as good as once


def test_an_entry_of_the_lock_has_size_and_digest_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve_together(coordinates: list[str], folder: Path) -> dict[str, Path]:
        assert coordinates == ["org.example:lib:jar:1.0"]
        file = folder / "lib.jar"
        file.write_bytes(b"abc")
        return {coordinates[0]: file}

    monkeypatch.setattr(relock, "resolve_together", resolve_together)
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    expected = f"pulsar org.example:lib:jar:1.0 3 {digest}"
    assert relock.make_entries(["pulsar org.example:lib:jar:1.0"]) == [expected]
    assert relock.make_entries([f"pulsar org.example:lib:jar:1.0 99 {'0' * 64}"]) == [
        expected
    ]  # a line of the old lock
