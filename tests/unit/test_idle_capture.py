"""Test the experiment with an idle outbox: with a source whose offset moves on, and with one that reads all again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from connectors import source
from connectors.admin import Admin, AdminRefused
from scenarios import mysql_server
from scenarios.catalogue import idle_capture
from settings import Settings
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

    def offset(self) -> bytes:
        return b'{"file":"%s","pos":4}' % (SECOND if self.moves else FIRST).encode()

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
        monkeypatch.setattr(idle_capture, "read_stored_offset", lambda _: server.offset())
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
    interval_s = int(source.render(Settings(stack="native"))["configs"]["heartbeat.interval.ms"]) / 1000
    assert 2 * healer.PATIENCE_S < interval_s < idle_capture.MOVES_WITHIN_S


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
