"""Only what this program made is deleted, whatever a home or a cache is set to."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from scenarios import journal
from settings import Settings, load
from settings.model import REPOSITORY
from stacks import audit_link, backup, instance, ownership, reset
from stacks.instance import StartFailed
from stacks.native import artifacts
from stacks.ownership import CACHE, INSTANCE, NotOurs

WRITTEN = (
    "instance.json", "data/alpes.db", "data/alpes.db-wal", "data/observer.db", "data/events.jsonl", "data/faults.jsonl",
    "data/scenarios/bc22b07d-5185-47fe-8c9b-a90840e8bd64/timeline.jsonl", "data/pulsar-lite/store.rocksdb/CURRENT",
    "data/pulsar-lite/pulsar-lite.toml", "data/mysql/alpes/commission.ibd", "logs/api.log", "logs/notifications-2.log.1",
    "logs/jobs/reset.json", "run/heartbeat/relay", "run/leases/broker.kill.json",
    "run/leases/delivery.step.json", "run/leases/delivery.notifications-2.held", "run/leases/capture.relay.permission",
    "run/leases/client-api.network.json", "run/relay.lock", "run/stopping",
    "run/source.intent", "run/source.healing", "run/source.server", "run/debezium-server.properties", "run/debezium.left",
    "data/debezium-server/offsets.dat", "data/mysql.version", "secrets/tokens/admin.jwt",
)  # fmt: skip
STRANGE = (
    "thesis/chapter1",
    "data/mine.csv",
    "data/events.jsonl.mine",
    "logs/notes.txt",
    "run/other/x",
    "data/scenarios/plan.md",
    ".git/HEAD",
)


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"stack": "embedded"}' if name == "instance.json" else "precious", encoding="utf-8")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_that_was_written_goes_with_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(home, *WRITTEN)
    ownership.claim(INSTANCE, home)
    assert ownership.remove(INSTANCE, home) == []
    assert not home.exists()


def test_the_records_of_a_run_go_with_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ownership.claim(INSTANCE, home)
    journal.Journal(Settings(home=home), create_engine("sqlite://"), str(uuid.uuid4())).close()
    assert ownership.remove(INSTANCE, home) == []
    assert not home.exists()


def test_what_others_put_there_stays_and_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ownership.claim(INSTANCE, home)
    write(home, *WRITTEN, *STRANGE)
    (home / "empty").mkdir()
    left = ownership.remove(INSTANCE, home)
    assert {path.relative_to(home).as_posix() for path in left} == {*STRANGE, "empty"}
    assert files(home) == set(STRANGE)


def test_data_alone_is_removed_from_an_instance_that_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ownership.claim(INSTANCE, home)
    write(home, *WRITTEN, *STRANGE)
    ownership.remove(INSTANCE, home, ("data", "run"))
    stays = {name for name in WRITTEN if not name.startswith(("data/", "run/"))}
    assert files(home) == {INSTANCE.marker, *stays, *STRANGE}


@pytest.mark.parametrize("name", [*STRANGE, "data/alpes.db.mine", "maven/x.jar"])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_folder_with_other_files_is_neither_taken_nor_removed(tmp_path: Path, name: str, earlier: bool) -> None:
    write(tmp_path, name, *(WRITTEN if earlier else ()))
    before = files(tmp_path)
    with pytest.raises(NotOurs, match="holds other files"):
        ownership.claim(INSTANCE, tmp_path)
    with pytest.raises(NotOurs, match=f"no instance in {tmp_path}"):
        ownership.remove(INSTANCE, tmp_path)
    assert files(tmp_path) == before


def test_names_alone_make_no_instance(tmp_path: Path) -> None:
    """A folder of somebody's with names as ours, but without an instance's file."""
    write(tmp_path, "data/events.jsonl", "logs/api.log")
    for act in (ownership.claim, ownership.remove):
        with pytest.raises(NotOurs):
            act(INSTANCE, tmp_path)
    assert files(tmp_path) == {"data/events.jsonl", "logs/api.log"}


def test_an_instance_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    write(tmp_path, *WRITTEN)
    ownership.claim(INSTANCE, tmp_path)
    assert ownership.is_marked(INSTANCE, tmp_path)


@pytest.mark.parametrize("link", ["data", "logs", "data/mysql", "data/alpes.db", "run/heartbeat", "data/scenarios"])
def test_a_link_is_never_followed(tmp_path: Path, link: str) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    ownership.claim(INSTANCE, home)
    write(elsewhere, "alpes.db", "relay", "api.log", "scenarios/x")
    (home / link).parent.mkdir(parents=True, exist_ok=True)
    (home / link).symlink_to(elsewhere)
    before = files(elsewhere)
    assert ownership.remove(INSTANCE, home) == [home / link]
    assert files(elsewhere) == before
    assert (home / link).is_symlink()


def test_a_link_of_the_markers_name_marks_nothing(tmp_path: Path) -> None:
    ownership.claim(INSTANCE, tmp_path / "real")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / INSTANCE.marker).symlink_to(tmp_path / "real" / INSTANCE.marker)
    assert not ownership.is_marked(INSTANCE, tmp_path / "other")


def test_a_removal_that_was_interrupted_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ownership.claim(INSTANCE, tmp_path)
    write(tmp_path, *WRITTEN)
    unlink = Path.unlink
    removed: list[Path] = []

    def interrupted(path: Path, missing_ok: bool = False) -> None:
        if len(removed) == 7:
            raise KeyboardInterrupt
        removed.append(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ownership.remove(INSTANCE, tmp_path)
    monkeypatch.setattr(Path, "unlink", unlink)
    assert ownership.remove(INSTANCE, tmp_path) == []
    assert not tmp_path.exists()


def test_up_refuses_a_folder_of_other_files_and_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "thesis/chapter1")
    with pytest.raises(StartFailed, match=f"{tmp_path} holds other files, such as thesis/chapter1"):
        instance.up("embedded", tmp_path, lambda _: None)
    assert files(tmp_path) == {"thesis/chapter1"}


def test_a_clone_is_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_HOME", ".")
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(NotOurs, match="no instance in"):
        instance.remove(instance.find())
    with pytest.raises(NotOurs, match="no instance in"):
        instance.remove_data(instance.find())
    assert (REPOSITORY / "alpes").exists()


@pytest.mark.parametrize("names", [(), ("thesis/chapter1",)])
@pytest.mark.parametrize(
    "act", [reset.reset, lambda settings, say: backup.restore(settings, settings.home / "b.jsonl", say)]
)
def test_what_is_no_instance_is_neither_reset_nor_restored_and_can_be_started_in(
    tmp_path: Path, names: tuple[str, ...], act: Callable[[Settings, Callable[[str], None]], object]
) -> None:
    for stack in ("embedded", "native"):
        home = tmp_path / stack
        home.mkdir()
        write(home, *names)
        with pytest.raises(NotOurs, match="no instance in"):
            act(load(home=home, stack=stack), lambda _: None)
        assert files(home) == set(names)


def test_a_folder_with_the_locks_of_other_commands_is_empty(tmp_path: Path) -> None:
    write(tmp_path, *ownership.LOCKS)
    ownership.claim(INSTANCE, tmp_path)
    assert ownership.is_marked(INSTANCE, tmp_path)


def test_stopping_what_is_no_instance_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "thesis/chapter1")
    assert instance.down(load(home=tmp_path), lambda _: None) is False
    assert files(tmp_path) == {"thesis/chapter1"}
    assert not (tmp_path / "run").exists()


def test_a_cache_loses_what_was_downloaded_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_CACHE", str(tmp_path / "cache"))
    artifacts.prepare_cache()
    cache = artifacts.cache()
    write(
        cache, "maven/g/a.jar", "maven/g/a.jar.verified", "mysql-8.0.15/bin/mysqld", "photos/1.jpg", "maven/g/mine.jar"
    )
    assert ownership.remove(CACHE, cache) == [cache / "maven/g/mine.jar", cache / "photos/1.jpg"]
    assert files(cache) == {"maven/g/mine.jar", "photos/1.jpg"}


def test_a_cache_among_other_files_is_used_but_never_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "maven/g/a.jar", "photos/1.jpg")
    monkeypatch.setenv("ALPES_CACHE", str(tmp_path))
    artifacts.prepare_cache()
    with pytest.raises(NotOurs, match="no cache in"):
        ownership.remove(CACHE, tmp_path)
    assert files(tmp_path) == {"maven/g/a.jar", "photos/1.jpg"}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(audit_link, "REPOSITORY", tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path


def test_a_regular_audit_file_of_the_repository_is_left_alone(repository: Path) -> None:
    link = repository / "data" / "events.jsonl"
    link.write_text('{"real":"audit"}\n', encoding="utf-8")
    audit_link.create_link(Settings(home=repository / ".alpes" / "embedded"))
    audit_link.remove_link()
    assert not link.is_symlink()
    assert json.loads(link.read_text()) == {"real": "audit"}


def test_a_link_of_somebody_elses_is_left_alone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "events.jsonl"
    link = repository / "data" / "events.jsonl"
    link.symlink_to(elsewhere)
    audit_link.create_link(Settings(home=repository / ".alpes" / "embedded"))
    audit_link.remove_link()
    assert link.readlink() == elsewhere


def test_our_own_link_follows_the_instance_and_goes_with_it(repository: Path) -> None:
    link = repository / "data" / "events.jsonl"
    for name in ("embedded", "native"):
        settings = Settings(home=repository / ".alpes" / name)
        write(settings.home, "data/events.jsonl")
        audit_link.create_link(settings)
        assert link.resolve() == settings.audit_file
    shutil.rmtree(settings.home)
    audit_link.remove_link()
    assert not os.path.lexists(link)
