"""When the watcher restarts a source, and when it leaves it alone: with a clock and a source that are made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.admin import AdminUnavailable, SourceStatus
from settings import Settings, Stack
from stacks.lag import Lag
from stacks.native import binlog_history
from stacks.native import healer as healing
from stacks.native import healing as records
from stacks.native.binlog_reader import ReaderWatch
from workers.heartbeat import IDLE_BEATS_S, Beat


@dataclass
class Source:
    """What the healer would see of one."""

    head: int = 100
    captured: int = 100
    written: int = 100
    running: bool = True
    gone: bool = False
    created: list[float] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    now: float = 1000.0
    observer: Beat | None = field(default_factory=lambda: Beat(True, 1, 0.0))
    error: str = "it fell over"
    server: str = "first server"
    snapshots: list[float] = field(default_factory=list)
    home: Path = Path("/nowhere")
    readers: set[int] | None = field(default_factory=lambda: {7})

    def __enter__(self) -> Source:
        self.refuse()
        return self

    def refuse(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def source(self, name: str, action: str) -> None:
        assert (name, action) == ("mysql-outbox-commissions", "restart")
        self.restarts.append(self.now)
        self.readers = set()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Source:
    made = Source(home=tmp_path)
    Settings(home=tmp_path).run.mkdir(parents=True, exist_ok=True)

    def lag(*_: Any) -> Lag:
        behind = max(0, made.head - made.captured)
        return Lag(made.head, made.captured, published=None, notified=None, capture_behind=behind)

    def status(*_: Any) -> SourceStatus | None:
        if made.gone:
            return None
        return SourceStatus(made.running, "" if made.running else made.error, 0, made.written, made.written)

    monkeypatch.setattr(healing, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(healing, "Admin", lambda *_, **__: made)
    monkeypatch.setattr(healing, "read_lag", lag)

    def create(*_: Any) -> None:
        made.created.append(made.now)
        made.gone = False

    monkeypatch.setattr("connectors.source.status", status)
    monkeypatch.setattr("stacks.native.provision.create_source", create)
    monkeypatch.setattr(ReaderWatch, "_read_ids", lambda _: made.readers)
    monkeypatch.setattr(healing, "read_heartbeat", lambda *_: made.observer)
    monkeypatch.setattr(healing.SourceHealer, "_may_judge", lambda _: True)
    monkeypatch.setattr("stacks.native.server_identity.ask_server", lambda *_: made.server)
    monkeypatch.setattr("stacks.native.position.resnapshot", lambda *_, **__: made.snapshots.append(made.now))
    return made


def watch(seen: Source, seconds: int, each: Any = lambda: None, stack: Stack = "native") -> None:
    healer = healing.SourceHealer(Settings(stack=stack, home=seen.home), None)  # type: ignore[arg-type]
    for _ in range(seconds):
        seen.now += 1
        each()
        healer.step()


@pytest.mark.parametrize("readers", [{7}, set()], ids=["reads", "takes its snapshot"])
def test_one_that_has_read_everything_is_left_alone(readers: set[int], seen: Source) -> None:
    seen.readers = readers
    watch(seen, 600)
    assert seen.restarts == []


def test_one_that_reads_old_events_again_is_left_alone(seen: Source) -> None:
    seen.head = 10_000

    def read_on() -> None:
        seen.written += 2_000

    watch(seen, 600, read_on)
    assert seen.restarts == []


def test_one_that_stands_still_is_restarted_twice_then_takes_a_snapshot_and_is_left(seen: Source) -> None:
    seen.head = 101
    watch(seen, 1000)
    assert len(seen.restarts) == 2
    assert len(seen.snapshots) == 1
    assert seen.restarts[1] - seen.restarts[0] < seen.snapshots[0] - seen.restarts[1] < healing.LONGEST_WAIT_S
    record = records.read(Settings(home=seen.home))
    assert record is not None
    assert (record.cause_code, record.is_left) == ("no_progress", True)


def test_rows_below_those_that_were_captured_are_no_reason_for_a_snapshot(
    seen: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healing, "read_lag", lambda *_: Lag(100, 100, None, None, capture_behind=1))
    watch(seen, 2000)
    assert len(seen.restarts) == records.MOST_RESTARTS
    assert seen.snapshots == []
    assert records.read(Settings(home=seen.home)) is None


def test_one_whose_position_is_gone_takes_a_snapshot_within_seconds_and_once(seen: Source) -> None:
    seen.running, seen.error = False, "Client requested master to start replication from position > file size"
    began = seen.now
    watch(seen, 1000)
    assert (seen.restarts, len(seen.snapshots)) == ([], 1)
    assert seen.snapshots[0] - began < 10


def test_one_that_nobody_but_its_user_can_cure_is_restarted_three_times(seen: Source) -> None:
    seen.running, seen.error = False, "Access denied for user 'debezium'@'127.0.0.1' (using password: ***"
    watch(seen, 2000)
    assert (len(seen.restarts), seen.snapshots) == (records.MOST_RESTARTS, [])


def test_errors_that_alternate_do_not_restart_it_for_ever(seen: Source) -> None:
    seen.running = False

    def alternate() -> None:
        seen.error = "it fell over" if seen.now % 60 < 30 else "Communications link failure"

    watch(seen, 5000, alternate)
    assert len(seen.restarts) <= 2 * records.MOST_RESTARTS
    assert len(seen.snapshots) <= 1


def test_the_cause_is_shown_at_once_and_forgotten_when_it_captures(seen: Source) -> None:
    settings = Settings(home=seen.home)
    seen.running, seen.error, seen.head = False, "The db history topic is missing.", 101
    watch(seen, 2)
    record = records.read(settings)
    assert record is not None
    assert record.cause_code == "history_gone"
    healer = healing.SourceHealer(settings, None)  # type: ignore[arg-type]
    seen.running = True
    for captured in (100, 101):
        seen.now, seen.captured = seen.now + 2, captured
        healer.step()
    assert records.read(settings) is None


def test_one_that_runs_long_enough_without_trouble_is_healthy(seen: Source) -> None:
    settings = Settings(home=seen.home)
    records.write(settings, records.Healing("unknown", "it fell over"))
    watch(seen, int(healing.STEADY_S) - 2)
    assert records.read(settings) is not None
    watch(seen, int(healing.STEADY_S) + 3)
    assert records.read(settings) is None


def test_another_server_is_read_from_its_beginning(seen: Source) -> None:
    watch(seen, int(healing.STEADY_S) + 3)
    seen.server = "second server"
    watch(seen, 60)
    assert (len(seen.snapshots), seen.restarts) == (1, [])


def test_an_older_binlog_is_read_from_its_beginning(seen: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that had become longer when nobody might judge the source."""
    settings = Settings(stack="native", home=seen.home)
    ends = [binlog_history.BinlogEnd("mysql-bin.000002", 800, 1_000_000)]
    monkeypatch.setattr(binlog_history.BinlogWatch, "_read_end", lambda _: ends[-1])

    def resnapshot(*_: Any, **__: Any) -> None:
        binlog_history.forget(settings)
        seen.snapshots.append(seen.now)

    monkeypatch.setattr("stacks.native.position.resnapshot", resnapshot)
    watch(seen, 10)
    ends.append(binlog_history.BinlogEnd("mysql-bin.000002", 157, 1_000_100))
    with monkeypatch.context() as held:
        held.setattr(healing.SourceHealer, "_may_judge", lambda _: False)
        watch(seen, 5)
        ends.append(binlog_history.BinlogEnd("mysql-bin.000002", 9000, 1_000_100))
        watch(seen, 5)
    assert seen.snapshots == []
    watch(seen, 100)
    assert (len(seen.snapshots), seen.restarts) == (1, [])
    assert binlog_history.read(settings) == ends[-1]


@pytest.mark.parametrize(
    "observer", [None, Beat(False, 1, 0.0), Beat(True, 1, 0.0, busy=True), Beat(True, 1, IDLE_BEATS_S + 1)]
)
def test_one_is_left_alone_while_the_observer_may_not_have_recorded_all(seen: Source, observer: Beat | None) -> None:
    seen.head, seen.observer = 101, observer
    watch(seen, 600)
    assert seen.restarts == []


def test_one_that_failed_is_restarted(seen: Source) -> None:
    seen.running = False
    watch(seen, 15)
    assert len(seen.restarts) == 1


def test_patience_is_as_before_once_it_got_further(seen: Source) -> None:
    seen.head = 1_000

    def advance_at_times() -> None:
        if seen.now % 60 == 0:
            seen.captured += 1

    watch(seen, 1000, advance_at_times)
    assert len(seen.restarts) >= 1000 // 60


def test_one_whose_connection_ended_between_two_events_is_restarted_at_once(seen: Source) -> None:
    watch(seen, 5, lambda: setattr(seen, "readers", set() if seen.now == 1004 else seen.readers))
    assert seen.restarts == [1004]


def test_while_the_server_does_not_answer_no_reader_is_missed(seen: Source) -> None:
    answers: dict[float, set[int] | None] = {1003: None, 1010: {9}, 1020: None, 1030: set()}
    watch(seen, 40, lambda: setattr(seen, "readers", answers.get(seen.now, seen.readers)))
    assert seen.restarts == [1030]


def test_one_whose_reader_ends_again_and_again_is_restarted_and_never_left(seen: Source) -> None:
    def read_and_end() -> None:
        seen.readers = {7} if seen.now % 30 < 20 else set()

    watch(seen, 900, read_and_end)
    assert 2 * records.MOST_RESTARTS < len(seen.restarts) <= 900 / 30
    record = records.read(Settings(home=seen.home))
    assert record is None or not record.is_left


@pytest.mark.parametrize(
    "error", ["java.io.EOFException: Failed to read next byte", "java.net.SocketException: Connection reset"]
)
def test_one_whose_connection_ended_within_an_event_is_restarted_at_once(error: str, seen: Source) -> None:
    seen.running, seen.error = False, f"Caused by: {error}"
    watch(seen, 1500)
    assert seen.restarts[0] == 1001
    assert (len(seen.restarts), seen.snapshots) == (records.MOST_RESTARTS, [])


@pytest.mark.parametrize(("stack", "within"), [("native", 10), ("compose", 30)])
def test_one_that_is_gone_is_made_again_and_whoever_deletes_it_by_hand_has_time(
    stack: Stack, within: int, seen: Source
) -> None:
    seen.gone = True
    began = seen.now
    watch(seen, 60, stack=stack)
    assert len(seen.created) == 1
    assert within < seen.created[0] - began < within + 5


def test_what_stands_in_the_way_is_told_once_until_it_changes(
    seen: Source, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    why = ""

    def refuse(*_: Any) -> None:
        if why:
            raise AdminUnavailable(why)

    monkeypatch.setattr(seen, "refuse", refuse)
    healer = healing.SourceHealer(Settings(home=seen.home), None)  # type: ignore[arg-type]
    told = []
    for said in ("starting", "starting", "starting", "refused", "refused", "", "", "refused"):
        why = said
        seen.now += 1
        caplog.clear()
        healer.step()
        told.append(len(caplog.records))
    assert told == [1, 0, 0, 1, 0, 0, 0, 1]
