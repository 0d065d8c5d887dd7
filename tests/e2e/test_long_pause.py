"""An instance is down for longer than the binlog is kept, or comes back with a newer capture: it starts, and nothing is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from application import Application
from application.commissions import new_id
from connectors.admin import Admin
from domain.commands import CalculateCommission
from scenarios import end_to_end, mysql_server
from scenarios.reconciliation import Reconciliation, reconcile
from scenarios.waiting import until
from settings import Settings
from stacks import faults, instance
from stacks.native.artifacts import FetchFailed

pytestmark = [pytest.mark.native, pytest.mark.breadth, pytest.mark.timeout(600)]

PAUSE_S = 8 * 86_400.0
"""MySQL keeps its binlog for three days here."""
FIRST, UNREAD, LAST = 20, 30, 10
WHOLE_WITHIN_S = 120.0
COMBINATIONS = [("debezium", "8.0"), ("debezium-server", "8.0"), ("debezium-server", "9.7")]


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    capture, version = request.param
    try:
        with end_to_end.running("native", private=True, capture=capture, mysql_version=version) as settings:
            yield settings
    except FetchFailed as error:  # Debian's archive keeps only the newest version of a package
        pytest.skip(str(error))


def send(settings: Settings, correlation_id: str, count: int) -> None:
    with Application(settings, pool_size=1) as application:
        for _ in range(count):
            application.send(CalculateCommission(new_id(), "a", "cmp-1", "100.00", "USD", correlation_id))


def wait_until_whole(settings: Settings, correlation_id: str, count: int) -> Reconciliation:
    with Application(settings, pool_size=2) as application:

        def is_whole() -> bool:
            found = reconcile(application, settings, correlation_id)
            return found.complete and found.notified == count

        until(is_whole, WHOLE_WITHIN_S, f"{count} events are notified and every source agrees", 0.3)
        return reconcile(application, settings, correlation_id)


def stop_publishing(settings: Settings) -> None:
    """Let no capture publish until the instance is stopped: its broker is away."""
    faults.kill(settings, "broker", hold_s=300)


def make_binlogs_old(settings: Settings) -> set[str]:
    """Make the binlog files of a stopped server as old as after a long pause, and return their names."""
    files = [path for path in (settings.data / "mysql").glob("mysql-bin.*") if path.suffix[1:].isdigit()]
    for path in files:
        os.utime(path, (time.time() - PAUSE_S,) * 2)
    return {path.name for path in files}


def test_it_starts_after_a_pause_that_is_longer_than_the_binlog_is_kept(settings: Settings) -> None:
    correlation_id = new_id()
    send(settings, correlation_id, FIRST)
    wait_until_whole(settings, correlation_id, FIRST)
    stop_publishing(settings)
    send(settings, correlation_id, UNREAD)
    with Application(settings, pool_size=1) as application:
        assert reconcile(application, settings, correlation_id).published == FIRST
    instance.down(settings, print)
    old = make_binlogs_old(settings)
    assert old
    faults.release(settings, "broker")
    restarted = instance.up("native", settings.home, print, go_on=True).settings
    assert not old & mysql_server.list_binlogs(restarted)
    found = wait_until_whole(restarted, correlation_id, FIRST + UNREAD)
    assert found.duplicates_absorbed >= FIRST  # of a new snapshot
    send(restarted, correlation_id, LAST)
    wait_until_whole(restarted, correlation_id, FIRST + UNREAD + LAST)


def test_an_instance_comes_back_with_the_newer_capture() -> None:
    correlation_id = new_id()
    with end_to_end.running("native", private=True) as settings:
        send(settings, correlation_id, FIRST)
        wait_until_whole(settings, correlation_id, FIRST)
        stop_publishing(settings)
        send(settings, correlation_id, UNREAD)
        instance.down(settings, print)
        faults.release(settings, "broker")
        try:
            newer = instance.up("native", settings.home, print, go_on=True, capture="debezium-server").settings
        except FetchFailed as error:
            pytest.skip(str(error))
        assert newer.facts.capture.name == "debezium-server"
        found = wait_until_whole(newer, correlation_id, FIRST + UNREAD)
        assert found.duplicates_absorbed >= FIRST
        with Admin(newer) as admin:  # both would read the binlog, and publish each event twice
            assert not admin.source_exists(newer.source_name)
