"""A new snapshot from one row on: these rows are published again and no others, and the capture reads on as before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from application import Application
from application.commissions import new_id
from connectors import server_properties
from connectors.admin import Admin
from connectors.snapshot_rows import OVERRIDES
from db import queries
from db.engine import READ
from domain.commands import CalculateCommission
from scenarios import end_to_end
from scenarios.reconciliation import reconcile
from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import operation
from stacks.captures import capture_of
from stacks.selected_snapshot import RowsRefused
from workers.observer_store import ObserverStore

pytestmark = pytest.mark.native

SENT = 30
AGAIN = 10
ENDS_WITHIN_S = 120.0
SERVER = pytest.param("server", marks=[pytest.mark.breadth, pytest.mark.timeout(600)])


@pytest.fixture(scope="module")
def server_stack() -> Iterator[Settings]:
    with end_to_end.running("native", private=True, capture="debezium-server") as settings:
        yield settings


@pytest.fixture(params=["source", SERVER])
def current(request: pytest.FixtureRequest) -> Settings:
    settings: Settings = request.getfixturevalue("native_stack" if request.param == "source" else "server_stack")
    return settings


@pytest.fixture
def application(current: Settings) -> Iterator[Application]:
    with Application(current, pool_size=1) as application:
        yield application


class Sent:
    """Commands of one correlation id, and the messages of their events."""

    def __init__(self, application: Application, settings: Settings) -> None:
        self.correlation_id = new_id()
        self.event_ids: list[str] = []
        self._application = application
        self._settings = settings

    def send(self, count: int) -> None:
        for _ in range(count):
            command = CalculateCommission(new_id(), "a", "cmp-1", "100.00", "USD", self.correlation_id)
            self.event_ids += self._application.send(command).event_ids

    def wait_until_notified(self) -> None:
        def is_complete() -> bool:
            counts = reconcile(self._application, self._settings, self.correlation_id)
            return counts.complete and counts.notified == len(self.event_ids)

        until(is_complete, ENDS_WITHIN_S, "every event is notified")

    def count_messages(self) -> list[int]:
        """Return the number of messages of each event, in the order in which they were sent."""
        with closing(ObserverStore(self._settings.observer_store)) as store:
            counts = store.count_messages_by_event(self.correlation_id)
        return [counts.get(event_id, 0) for event_id in self.event_ids]

    def read_seqs(self) -> list[int]:
        with self._application.engine.connect().execution_options(**READ) as connection:
            return [row.seq for row in queries.outbox_of_correlation(connection, self.correlation_id)]


def read_configuration(settings: Settings) -> str:
    if settings.facts.capture.has_connector:
        with Admin(settings) as admin:
            return str(admin.source_config(settings.source_name))
    return (settings.run / "debezium-server.properties").read_text(encoding="utf-8")


def read_position(settings: Settings) -> bytes:
    if settings.facts.capture.has_connector:
        with Admin(settings) as admin:
            return admin.read_last_message(settings.topics.offsets)
    try:
        return server_properties.offsets_file(settings).read_bytes()
    except OSError:
        return b""


def test_exactly_the_rows_from_this_one_on_are_published_again(application: Application, current: Settings) -> None:
    sent = Sent(application, current)
    sent.send(SENT)
    sent.wait_until_notified()
    first_seq = sent.read_seqs()[-AGAIN]
    expected = [1] * (SENT - AGAIN) + [2] * AGAIN
    capture_of(current).resnapshot(print, first_seq)
    assert OVERRIDES not in read_configuration(current)
    until(lambda: sum(sent.count_messages()) >= sum(expected), ENDS_WITHIN_S, "the rows are published again")
    until(lambda: capture_of(current).examine().ok, ENDS_WITHIN_S, "it reads")
    sent.send(1)
    sent.wait_until_notified()
    assert sent.count_messages() == [*expected, 1]
    assert reconcile(application, current, sent.correlation_id).doubled == ()
    assert operation.read(current) is None


def test_a_row_that_is_not_there_is_refused_and_nothing_changes(application: Application, current: Settings) -> None:
    sent = Sent(application, current)
    sent.send(1)
    sent.wait_until_notified()
    for seq in (-1, 10**9):
        with pytest.raises(RowsRefused, match="there is no row"):
            capture_of(current).resnapshot(print, seq)
    assert read_position(current)
    assert OVERRIDES not in read_configuration(current)
    sent.send(1)
    sent.wait_until_notified()
    assert sent.count_messages() == [1, 1]


def _has_override(settings: Settings) -> bool:
    return OVERRIDES in read_configuration(settings)


def _has_no_position(settings: Settings) -> bool:
    return not read_position(settings)


@pytest.mark.parametrize("moment", [_has_no_position, _has_override])
def test_a_command_that_is_killed_leaves_the_ordinary_configuration(
    application: Application, current: Settings, moment: Callable[[Settings], bool]
) -> None:
    sent = Sent(application, current)
    sent.send(SENT)
    sent.wait_until_notified()
    arguments = ("source", "resnapshot", "--from", str(sent.read_seqs()[-AGAIN]))
    command = subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "ALPES_HOME": str(current.home), "PYTHONPATH": str(REPOSITORY)},
    )
    try:
        until(lambda: moment(current), ENDS_WITHIN_S, "the snapshot was asked for", every_s=0.01)
    finally:
        os.kill(command.pid, signal.SIGKILL)
        command.wait()
    until(lambda: operation.read(current) is None, ENDS_WITHIN_S, "the interrupted command is undone")
    assert OVERRIDES not in read_configuration(current)
    sent.send(1)
    sent.wait_until_notified()
    until(lambda: capture_of(current).examine().ok, ENDS_WITHIN_S, "it reads")
    counts = reconcile(application, current, sent.correlation_id)
    assert (counts.committed, counts.notified, counts.doubled) == (SENT + 1, SENT + 1, ())
