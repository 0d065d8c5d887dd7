"""What is done when Debezium Server ends again and again, or hangs: by the cause that its log shows, and never for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors import server_properties
from settings import Settings
from settings.stack_facts import DEBEZIUM_SERVER
from stacks import operation
from stacks.captures import capture_of
from stacks.lag import Lag
from stacks.native import binlog_history, healing, server_healer, server_identity, server_position
from stacks.native.binlog_reader import ReaderWatch
from stacks.native.provision import provisioned_marker

STARTS_IN_S = 5
"""How long it takes from one end to the next when it ends at each start."""
HISTORY_GONE = "io.debezium.DebeziumException: The db history topic is missing. You may attempt to recover it"
UNPARSEABLE = "io.debezium.text.ParsingException: DDL statement couldn't be parsed."
TIMEOUT = "org.apache.pulsar.client.api.PulsarClientException$TimeoutException: no answer"
LINE = "2026-11-27 13:07:39.881 {level} io.de.se.ConnectorLifecycle {text}\n"


@dataclass
class Server:
    settings: Settings
    now: float = 1000.0
    head: int | None = 100
    captured: int = 100
    behind: int = 0
    identity: str = "first server"
    is_busy: bool = False
    pid: int = 4000
    readers: set[int] | None = field(default_factory=lambda: {7})
    restarts: list[float] = field(default_factory=list)
    snapshots: list[float] = field(default_factory=list)

    @property
    def is_left(self) -> bool:
        return server_position.left_file(self.settings).exists()

    def restart(self, _part: str) -> None:
        """It begins to read some seconds after its start, with another connection."""
        self.restarts.append(self.now)
        self.pid += 1
        self.readers = set()

    def end_with(self, error: str) -> None:
        with (self.settings.logs / "debezium.log").open("a", encoding="utf-8") as log:
            ended = f"Connector completed: success = 'false', message = '{error}', error = '{error}'"
            log.write(LINE.format(level="ERROR", text=ended))

    def fail_at_each_start(self, error: str) -> Callable[[], None]:
        """Return what ends it every few seconds, as long as it is started."""

        def fail() -> None:
            if not self.is_left and int(self.now) % STARTS_IN_S == 0:
                self.end_with(error)

        return fail


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    settings = Settings(stack="native", capture="debezium-server", home=tmp_path)
    for folder in (settings.run, settings.logs, server_properties.folder(settings)):
        folder.mkdir(parents=True, exist_ok=True)
    provisioned_marker(settings).touch()
    server = Server(settings)

    def resnapshot(*_: Any, **__: Any) -> None:
        if server.is_busy:
            raise operation.Busy("another operation runs")
        server.snapshots.append(server.now)
        server_position.left_file(settings).unlink(missing_ok=True)

    beat = SimpleNamespace(connected=True, is_idle=True)
    control = SimpleNamespace(restart_part=server.restart, pid=lambda _part: server.pid)
    monkeypatch.setattr(server_healer, "time", SimpleNamespace(monotonic=lambda: server.now))
    monkeypatch.setattr(ReaderWatch, "_read_ids", lambda _: server.readers)
    monkeypatch.setattr(server_healer, "read_heartbeat", lambda *_: beat)
    monkeypatch.setattr(server_healer, "control", lambda _: control)
    monkeypatch.setattr(server_healer, "Broker", lambda _: SimpleNamespace(reachable=lambda: True))
    monkeypatch.setattr(
        server_healer,
        "read_lag",
        lambda *_: Lag(server.head, server.captured, published=None, notified=None, capture_behind=server.behind),
    )
    monkeypatch.setattr(server_position, "resnapshot", resnapshot)
    monkeypatch.setattr(server_identity, "ask_server", lambda *_: server.identity)
    return server


def watch(server: Server, seconds: int, each: Callable[[], None] = lambda: None) -> None:
    healer = server_healer.ServerHealer(server.settings, None)  # type: ignore[arg-type]
    for _ in range(seconds):
        server.now += 1
        each()
        healer.step()


def test_one_that_works_is_left_alone(server: Server) -> None:
    watch(server, 600)
    assert (server.restarts, server.snapshots, server.is_left) == ([], [], False)
    assert healing.read_server(server.settings) == "first server"


def test_one_whose_connection_ended_between_two_events_is_restarted_at_once(server: Server) -> None:
    watch(server, 60, lambda: setattr(server, "readers", set() if server.now == 1004 else server.readers))
    assert server.restarts == [1004]


def test_one_that_the_supervisor_starts_again_has_no_reader_yet(server: Server) -> None:
    def end() -> None:
        if server.now == 1004:
            server.pid, server.readers = 5000, set()

    watch(server, 20, end)
    assert server.restarts == []


def test_a_lost_history_is_cured_by_one_snapshot(server: Server) -> None:
    fail = server.fail_at_each_start(HISTORY_GONE)
    watch(server, 60, lambda: None if server.snapshots else fail())
    assert len(server.snapshots) == 1
    assert healing.read(server.settings) is None
    assert not server.is_left


def test_a_snapshot_that_another_operation_prevents_is_taken_later(server: Server) -> None:
    fail = server.fail_at_each_start(HISTORY_GONE)

    def end_operation() -> None:
        server.is_busy = server.now < 1100
        if not server.snapshots:
            fail()

    watch(server, 160, end_operation)
    assert len(server.snapshots) == 1
    assert not server.is_left


def test_a_snapshot_that_did_not_help_is_not_taken_twice(server: Server) -> None:
    watch(server, 600, server.fail_at_each_start(HISTORY_GONE))
    assert len(server.snapshots) == 1
    assert server.is_left


def test_one_that_only_its_user_can_cure_is_started_three_times_and_then_waits(server: Server) -> None:
    ends: list[float] = []
    fail = server.fail_at_each_start(UNPARSEABLE)

    def count() -> None:
        if not server.is_left and int(server.now) % STARTS_IN_S == 0:
            ends.append(server.now)
        fail()

    watch(server, 1200, count)
    assert len(ends) == healing.MOST_RESTARTS + 1
    assert server.snapshots == []
    health = capture_of(server.settings).check(None)  # type: ignore[arg-type]
    assert (health.light, health.message.code) == ("down", "health.source_ill")
    finding = capture_of(server.settings).examine()
    assert (finding.cause, finding.error) == ("unparseable", UNPARSEABLE)


def test_an_error_that_may_pass_is_tried_again_from_time_to_time(server: Server) -> None:
    starts: list[float] = []
    fail = server.fail_at_each_start(TIMEOUT)

    def count() -> None:
        if not server.is_left and int(server.now) % STARTS_IN_S == 0:
            starts.append(server.now)
        fail()

    watch(server, 2400, count)
    assert len(server.snapshots) == 1
    assert 5 < len(starts) < 20
    assert starts[-1] - starts[-2] >= server_healer.LONGEST_WAIT_S


def test_errors_while_the_database_starts_count_for_nothing(server: Server) -> None:
    fail = server.fail_at_each_start(TIMEOUT)

    server.now = 1019.0  # it begins with a restart

    def restart_database() -> None:
        server.head = None if server.now % 30 < 10 else 100
        if server.now % 30 < 10 + server_healer.SETTLED_S - 2:
            fail()

    watch(server, 300, restart_database)
    assert (server.snapshots, server.is_left) == ([], False)


def test_another_server_means_a_new_snapshot(server: Server) -> None:
    def replace() -> None:
        if server.now > 1050:
            server.identity = "second server"

    watch(server, 100, replace)
    assert len(server.snapshots) == 1
    assert healing.read_server(server.settings) == "second server"


def test_an_older_binlog_means_a_new_snapshot(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [binlog_history.BinlogEnd("mysql-bin.000002", 800, 1_000_000)]
    monkeypatch.setattr(binlog_history.BinlogWatch, "_read_end", lambda _: ends[-1])

    def resnapshot(*_: Any, **__: Any) -> None:
        binlog_history.forget(server.settings)
        server.snapshots.append(server.now)

    monkeypatch.setattr(server_position, "resnapshot", resnapshot)
    watch(server, 10)
    ends.append(binlog_history.BinlogEnd("mysql-bin.000002", 9000, 1_000_100))  # it had passed the old end
    watch(server, 100)
    assert len(server.snapshots) == 1


def test_one_that_hangs_is_restarted_twice_then_takes_a_snapshot(server: Server) -> None:
    server.head, server.behind = 110, 10
    watch(server, 400)
    assert (len(server.restarts), len(server.snapshots)) == (3, 1)  # the third time, it waits at the gate
    assert server.restarts[0] - 1000 > server_healer.PATIENCE_S


def test_rows_below_those_that_it_captured_cost_no_snapshot(server: Server) -> None:
    server.behind = 10
    watch(server, 2000)
    assert (len(server.restarts), server.snapshots) == (healing.MOST_RESTARTS, [])


def test_one_that_is_held_is_not_judged(server: Server) -> None:
    operation.write(server.settings, operation.Journal("a test", 1, "undecided"))
    watch(server, 100, server.fail_at_each_start(HISTORY_GONE))
    assert server.snapshots == []


def test_a_restart_on_request_begins_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    restarted: list[str] = []
    control = SimpleNamespace(restart_part=restarted.append)
    monkeypatch.setattr("stacks.debezium_server.control", lambda _: control)
    watch(server, 100, server.fail_at_each_start(UNPARSEABLE))
    assert server.is_left
    capture_of(server.settings).act("restart")
    assert (restarted, server.is_left, healing.read(server.settings)) == ([DEBEZIUM_SERVER.component], False, None)
