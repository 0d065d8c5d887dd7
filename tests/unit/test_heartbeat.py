"""Test that a worker beats while it makes progress or waits for a dependency."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from scenarios.waiting import until
from settings import Settings
from stacks.part_health import check_worker
from tests.builders import delivery, record
from tests.clocks import patch_time
from tests.fakes import ListInlet, ListOutlet, Measurements
from workers import audit, heartbeat
from workers.dead_letters import DeadLetters
from workers.heartbeat import Heartbeat, heartbeat_file, read_heartbeat
from workers.inbox import Inbox
from workers.notifications import NotificationsWorker
from workers.outcome import DeadLetter


class Unreachable(Inbox):
    def __init__(self) -> None:
        pass

    def apply(self, effects, skipped):  # type: ignore[no-untyped-def]
        return {effect.record.id for effect in effects}


def test_a_worker_beats_once_for_each_message(tmp_path: Path) -> None:
    beats: list[int] = []
    handled: list[str] = []
    worker = NotificationsWorker(
        Unreachable(),
        ListInlet([delivery(record(seq), seq) for seq in range(200)]),
        ListOutlet(),
        Measurements(),
        threading.Event(),
        check=lambda event: handled.append(event.id),
        beat=lambda: beats.append(len(handled)),
    )
    worker.step(0)
    assert set(range(200)) <= set(beats)


def test_the_audit_beats_while_the_database_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers, stop = threading.Event(), threading.Event(), threading.Event()

    class Frozen:
        busy = False

        def __init__(self, *arguments: object, **named: object) -> None:
            pass

        def step(self) -> int:
            asked.set()
            answers.wait(30)
            return 0

        def close(self) -> None:
            pass

    monkeypatch.setattr(audit, "AuditProjection", Frozen)
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path}/alpes.db")
    thread = threading.Thread(target=audit.main, args=(settings, stop))
    thread.start()
    try:
        asked.wait(10)
        for _ in range(2):
            (settings.run / "heartbeat" / "audit").unlink(missing_ok=True)
            until(lambda: read_heartbeat(settings, "audit") is not None, 10, "a heartbeat is written")
    finally:
        stop.set()
        answers.set()
        thread.join()


def test_a_waiting_dead_letter_beats(tmp_path: Path) -> None:
    beats: list[str] = []
    outlet = ListOutlet(failures=3)

    class Recording(Unreachable):
        def record_dead_letter(self, *arguments: object):  # type: ignore[no-untyped-def]
            from workers.inbox import Recorded

            return Recorded(1, False)

        def mark_published(self, seq: int) -> None:
            pass

    dead_letters = DeadLetters(Recording(), outlet, threading.Event(), beats.append)
    assert dead_letters.store_and_publish(delivery(b"x", 1), None, DeadLetter("not_an_envelope", "why"), 1)
    assert (len(beats), len(outlet.sent)) == (3, 1)


def test_a_worker_that_waits_for_an_answer_is_alive_and_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.01)
    settings = Settings(home=tmp_path)
    heart = Heartbeat(settings, "commands")
    heart.beat(True)
    path = settings.run / "heartbeat" / "commands"

    def last_beat_ns() -> int:
        return path.stat().st_mtime_ns

    with heart.waiting:
        for _ in range(3):
            before = last_beat_ns()
            until(lambda before=before: last_beat_ns() != before, 10, "another beat", 0.005)  # type: ignore[misc]
    beat = read_heartbeat(settings, "commands")
    assert beat is not None
    assert (beat.connected, beat.busy) == (True, True)
    assert json.loads(path.read_text())["pid"] == beat.pid


@pytest.mark.parametrize(("ahead_s", "light"), [(0, "ok"), (3600, "behind"), (-3600, "behind")])
def test_a_process_whose_clock_is_wrong_is_no_healthy_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: int, light: str
) -> None:
    """The file's own time comes from the machine's clock."""
    settings = Settings(home=tmp_path)
    heart = Heartbeat(settings, "audit")
    with monkeypatch.context() as patch:
        patch_time(patch, "workers.heartbeat", time=lambda: time.time() + ahead_s)
        heart.beat(True)
    beat = read_heartbeat(settings, "audit")
    assert beat is not None
    assert beat.clock_ahead_s == pytest.approx(ahead_s, abs=1)
    health = check_worker(settings, "audit")
    assert health.light == light
    if light == "behind":
        assert health.message is not None
        assert health.message.code == "health.clock"


def test_a_heartbeat_of_an_earlier_version_says_nothing_of_the_clock(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    path = heartbeat_file(settings, "audit")
    path.parent.mkdir(parents=True)
    path.write_text('{"connected": true, "pid": 1}', encoding="utf-8")
    beat = read_heartbeat(settings, "audit")
    assert beat is not None
    assert beat.clock_ahead_s == 0
