"""Only one audit process writes in a folder."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from db.engine import connect
from db.migrate import upgrade
from scenarios.waiting import until
from settings import Settings
from workers import audit, audit_file
from workers.heartbeat import read_heartbeat


def test_a_folder_is_reserved_until_the_lock_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "shared" / "events.jsonl"
    first = audit_file.lock(path)
    with pytest.raises(BlockingIOError, match="give each instance its own ALPES_AUDIT_DIR"):
        audit_file.lock(path)
    os.close(first)
    os.close(audit_file.lock(path))


def test_a_file_system_without_locks_does_not_stop_the_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    os.close(audit_file.lock(tmp_path / "events.jsonl"))


def test_an_audit_process_writes_only_after_the_other_has_ended(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path}/alpes.db")
    engine = connect(settings.worker_url)
    upgrade(engine)
    engine.dispose()
    settings.audit_file.parent.mkdir(parents=True, exist_ok=True)
    settings.audit_file.write_text("a line of the other instance\n")
    other, stop = audit_file.lock(settings.audit_file), threading.Event()
    thread = threading.Thread(target=audit.main, args=(settings, stop))
    thread.start()
    try:
        until(lambda: read_heartbeat(settings, "audit") is not None, 10, "a heartbeat is written")
        heartbeat = read_heartbeat(settings, "audit")
        assert heartbeat is not None
        assert not heartbeat.connected
        assert settings.audit_file.read_text() == "a line of the other instance\n"
        os.close(other)
        until(lambda: list(settings.audit_file.parent.glob("foreign-*")) != [], 10, "the foreign line is set aside")
    finally:
        stop.set()
        thread.join()
