"""Test the experiment with an idle outbox: with a source whose offset moves on, and with one that reads all again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors import server_properties, source
from connectors.admin import Admin, AdminRefused
from scenarios import mysql_server
from scenarios.catalogue import idle_capture
from settings import Settings
from stacks import debezium
from stacks.captures import capture_of
from stacks.native import healer
from tests.unit.trials import UnitTrial

FIRST, SECOND = "mysql-bin.000001", "mysql-bin.000002"


class Server:
    """A MySQL server as `mysql_server` shows it, and the source that reads it."""

    def __init__(self, trial: UnitTrial, moves: bool, purges: bool = True) -> None:
        self.trial, self.moves, self.purges = trial, moves, purges
        self.binlogs = {FIRST}
        self.statements: list[str] = []

    def execute(self, _settings: Settings, *statements: str) -> list[Any]:
        self.statements += statements
        if "FLUSH BINARY LOGS" in statements:
            self.binlogs |= {SECOND}
        return []

    def purge(self, _settings: Settings) -> None:
        if self.purges:
            self.binlogs = {SECOND}

    def read_binlog_file(self) -> str:
        return SECOND if self.moves else FIRST

    @contextmanager
    def restarted(self, part: str) -> Iterator[None]:
        """A source whose place is purged takes a new snapshot."""
        if not self.moves and FIRST not in self.binlogs:
            self.trial.instance.pass_rows(self.trial.rows(), numbers_from=1000)
        yield


@pytest.fixture
def run(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> Any:
    def run_with(*, moves: bool, purges: bool = True) -> Server:
        server = Server(trial, moves, purges)
        monkeypatch.setattr(mysql_server, "execute", server.execute)
        monkeypatch.setattr(mysql_server, "list_binlogs", lambda _: set(server.binlogs))
        monkeypatch.setattr(mysql_server, "purge_binlogs_before_last", server.purge)
        monkeypatch.setattr(idle_capture, "capture_of", lambda _: server)
        monkeypatch.setattr(trial, "restarted", server.restarted)
        idle_capture.experiment(trial)
        trial.close()
        return server

    return run_with


def test_an_idle_capture_goes_on_where_it_was(trial: UnitTrial, run: Any) -> None:
    server = run(moves=True)
    assert trial.broken() == set()
    assert server.statements[-1].startswith("DROP TABLE")


def test_an_offset_that_stood_still_makes_a_new_snapshot(trial: UnitTrial, run: Any) -> None:
    run(moves=False)
    assert trial.broken() == {"check.goes_on_without_snapshot"}


def test_a_binlog_that_is_still_there_proves_nothing(trial: UnitTrial, run: Any) -> None:
    run(moves=True, purges=False)
    assert trial.broken() == {"confirm.binlog_purged"}


def test_a_heartbeat_comes_too_seldom_to_look_like_progress_and_soon_enough_for_the_scenario() -> None:
    """The watcher takes every message that the source writes for progress."""
    settings = Settings(stack="native")
    interval_ms = source.render(settings)["configs"]["heartbeat.interval.ms"]
    assert 2 * healer.PATIENCE_S < int(interval_ms) / 1000 < idle_capture.MOVES_WITHIN_S
    assert f"debezium.source.heartbeat.interval.ms={interval_ms}\n" in server_properties.render(settings)


@pytest.mark.parametrize("stored", [b"", b'{"file":"mysql-bin.000007","pos":4}'])
def test_each_capture_names_the_binlog_file_of_its_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bytes
) -> None:
    in_pulsar, server = (Settings(stack="native", home=tmp_path, capture=name) for name in ("", "debezium-server"))
    monkeypatch.setattr(debezium, "Admin", lambda _: contextlib.nullcontext(admin_that_answers(200, stored)))
    server_properties.folder(server).mkdir(parents=True)
    expected = "mysql-bin.000007" if stored else ""
    assert capture_of(server).read_binlog_file() == ""
    server_properties.offsets_file(server).write_bytes(b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap" + stored)
    assert [capture_of(settings).read_binlog_file() for settings in (in_pulsar, server)] == [expected, expected]


def admin_that_answers(status: int, body: bytes = b"") -> Admin:
    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, content=body)

    requests: list[httpx.Request] = []
    admin = Admin(Settings(stack="native", pulsar_admin_url="http://pulsar"))
    admin._http = httpx.Client(base_url="http://pulsar", transport=httpx.MockTransport(answer))
    return admin


def test_the_newest_message_of_a_topic_is_read() -> None:
    topic = "persistent://public/default/offsets"
    assert admin_that_answers(200, b'{"file":"x"}').read_last_message(topic) == b'{"file":"x"}'
    assert admin_that_answers(412).read_last_message(topic) == b""
    with pytest.raises(AdminRefused):
        admin_that_answers(500).read_last_message(topic)


@pytest.mark.parametrize(("status", "is_error"), [(204, False), (405, False), (403, False), (500, True)])
def test_a_topic_keeps_messages_briefly_where_its_cluster_allows_that(status: int, is_error: bool) -> None:
    admin = admin_that_answers(status)
    if is_error:
        with pytest.raises(AdminRefused):
            admin.keep_briefly("persistent://public/default/x")
    else:
        admin.keep_briefly("persistent://public/default/x")
