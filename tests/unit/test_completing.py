"""Test which files a reset, a restore and their completion remove, and which they install."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings
from stacks import backup, embedded, operation, ownership, recovery, staging
from stacks import reset as reset_operation
from stacks.operation import Journal
from stacks.reset import NotDrained
from workers.observer_store import ObserverStore

SIDE_FILES = ("-wal", "-shm", "-journal")
AUDIT = ("events.jsonl", "events.index", "events.index-wal", "events.index-shm")
STORE = ("observer.db", "observer.db-wal", "observer.db-shm")
RESTORED = ("observer.db.new", *(f"observer.db.new{suffix}" for suffix in SIDE_FILES))
STAGED = ("restore.db", *(f"restore.db{suffix}" for suffix in SIDE_FILES))
BROKER = ("pulsar-lite/store.metadata.json", "pulsar-lite/store.rocksdb/CURRENT")
FOREIGN = (
    "events.csv", "events.old/2024.csv", "events.jsonl.mine", "observer.db.new.mine", "observer.db.newer/x",
    "restore.db.mine", "restore.db-old/x", "pulsar-lite/store.mine", "pulsar-lite/store.old/x", "alpes.db",
)  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(home=tmp_path)
    settings.run.mkdir()
    ownership.claim(ownership.INSTANCE, tmp_path)
    for name in (*AUDIT, *STORE, *RESTORED, *STAGED, *BROKER, *FOREIGN):
        (settings.data / name).parent.mkdir(parents=True, exist_ok=True)
        (settings.data / name).write_text(name)
    return settings


def files(settings: Settings) -> set[str]:
    return {path.relative_to(settings.data).as_posix() for path in settings.data.rglob("*") if path.is_file()}


def test_a_completed_reset_removes_its_own_files_and_no_restored_store(settings: Settings) -> None:
    for _ in range(2):  # every step may be repeated
        recovery._observe(settings, Journal("reset", 1, "decided"))
        assert files(settings) == {*STAGED, *BROKER, *FOREIGN}


def test_a_completed_restore_installs_its_store(settings: Settings) -> None:
    for _ in range(2):
        recovery._observe(settings, Journal("restore", 1, "decided", notes={"observed": True}))
        assert (settings.data / "observer.db").read_text() == "observer.db.new"
        assert not files(settings) & {*AUDIT, "observer.db-wal", "observer.db.new"}
        assert set(FOREIGN) <= files(settings)


def test_undoing_removes_what_was_prepared(settings: Settings) -> None:
    recovery.undo(settings, Journal("restore", 1, "undecided"))
    assert files(settings) == {*AUDIT, *STORE, *BROKER, *FOREIGN}


def test_a_staging_file_is_removed_with_the_files_next_to_it(settings: Settings) -> None:
    staging.discard(settings)
    assert files(settings) == {*AUDIT, *STORE, *RESTORED, *BROKER, *FOREIGN}


def test_the_brokers_store_is_removed_and_nothing_else_next_to_it(settings: Settings) -> None:
    for _ in range(2):
        embedded.remove_store(settings)
        assert files(settings) == {*AUDIT, *STORE, *RESTORED, *STAGED, *FOREIGN}


class StagedBackup:
    def published(self, of_outbox: bool) -> list[dict[str, object]]:
        return []

    def counts(self) -> dict[str, int]:
        return {}

    def __enter__(self) -> StagedBackup:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("error", [NotDrained("not drained"), KeyboardInterrupt()], ids=type)
@pytest.mark.parametrize("at", ["preparing", "replacing"])
def test_a_restore_that_was_not_decided_leaves_no_store(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: BaseException, at: str, decided: bool
) -> None:
    def fail(*_: object, **_notes: object) -> None:
        assert recovery.restored_store(settings).exists()
        if decided:
            operation.write(settings, Journal("restore", 1, "decided"))
        raise error

    monkeypatch.setattr(recovery, "recover", lambda *_: False)
    monkeypatch.setattr(staging, "staged", lambda *_: StagedBackup())
    if at == "preparing":
        monkeypatch.setattr(ObserverStore, "restore", fail)
    monkeypatch.setattr(reset_operation, "replace", fail)
    with pytest.raises(type(error)):
        backup.restore(settings, settings.home / "b.jsonl", lambda _: None)
    assert bool(files(settings) & set(RESTORED)) == decided
    assert set(FOREIGN) <= files(settings)
