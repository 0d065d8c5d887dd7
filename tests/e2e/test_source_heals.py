"""What stops Debezium for good in practice, and stops it here no longer: it begins again by itself, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from application import Application
from application.commissions import new_id
from connectors.admin import Admin
from domain.commands import CalculateCommission
from scenarios import mysql_server
from scenarios.reconciliation import reconcile
from scenarios.waiting import until
from settings import Settings
from stacks import source_control
from stacks.native import position
from stacks.ownership import INSTANCE

pytestmark = pytest.mark.native

HEALS_WITHIN_S = 120.0


@pytest.fixture
def application(native_stack: Settings) -> Iterator[Application]:
    with Application(native_stack, pool_size=1) as application:
        yield application


def _send(application: Application, correlation_id: str) -> str:
    command = CalculateCommission(new_id(), "a", "cmp-1", "100.00", "USD", correlation_id)
    return application.send(command).event_ids[0]


def _wait_until_whole(application: Application, settings: Settings, correlation_id: str, count: int) -> None:
    def is_whole() -> bool:
        found = reconcile(application, settings, correlation_id)
        return found.complete and found.notified == count

    until(is_whole, HEALS_WITHIN_S, "every event is notified")


def test_a_stopped_source_goes_on_although_its_binlog_was_purged(
    application: Application, native_stack: Settings
) -> None:
    correlation_id = new_id()
    _send(application, correlation_id)
    _wait_until_whole(application, native_stack, correlation_id, 1)
    source_control.run_action(native_stack, "stop")
    try:
        for _ in range(3):
            _send(application, correlation_id)
        mysql_server.purge_binlogs(native_stack)
    finally:
        source_control.run_action(native_stack, "start")
    _wait_until_whole(application, native_stack, correlation_id, 4)
    _send(application, correlation_id)
    _wait_until_whole(application, native_stack, correlation_id, 5)


def _lose_history(settings: Settings) -> None:
    """Delete the schema history while the source is stopped."""
    source_control.run_action(settings, "stop")
    try:
        with Admin(settings, timeout_s=30) as admin:
            position.empty(admin, (settings.topics.schema_history,))
    finally:
        source_control.run_action(settings, "start")


def _begin_another_binlog(settings: Settings) -> None:
    mysql_server.begin_another_binlog(settings)


@pytest.mark.parametrize("break_it", [_lose_history, _begin_another_binlog])
def test_a_source_that_fails_at_each_start_takes_a_new_snapshot_by_itself(
    application: Application, native_stack: Settings, break_it: Callable[[Settings], None]
) -> None:
    correlation_id = new_id()
    for _ in range(5):
        _send(application, correlation_id)
    _wait_until_whole(application, native_stack, correlation_id, 5)
    break_it(native_stack)
    for _ in range(5):
        _send(application, correlation_id)
    _wait_until_whole(application, native_stack, correlation_id, 10)
    until(lambda: source_control.examine(native_stack).ok, HEALS_WITHIN_S, "the source is healthy")
    assert reconcile(application, native_stack, correlation_id).complete


def test_a_new_snapshot_on_request_publishes_all_rows_again_and_none_is_notified_twice(
    application: Application, native_stack: Settings
) -> None:
    correlation_id = new_id()
    for _ in range(5):
        _send(application, correlation_id)
    _wait_until_whole(application, native_stack, correlation_id, 5)
    source_control.resnapshot(native_stack, print)
    until(lambda: source_control.read_report(native_stack).written >= 5, HEALS_WITHIN_S, "they are published again")
    _send(application, correlation_id)
    _wait_until_whole(application, native_stack, correlation_id, 6)
    assert source_control.examine(native_stack).ok


UNPARSEABLE = {
    "spatial": (
        "CREATE TABLE places (id INT PRIMARY KEY, at POINT NOT NULL SRID 4326)",
        "DROP TABLE places",
    ),
    "other database": (
        "CREATE DATABASE unheard_of",
        "CREATE TABLE unheard_of.t (id INT PRIMARY KEY, at GEOMETRY NOT NULL SRID 0)",
        "DROP DATABASE unheard_of",
    ),
}


@pytest.mark.parametrize("statements", UNPARSEABLE.values(), ids=UNPARSEABLE)
def test_a_statement_on_another_table_that_debezium_cannot_parse_stops_nothing(
    application: Application, native_stack: Settings, statements: tuple[str, ...]
) -> None:
    correlation_id = new_id()
    _send(application, correlation_id)
    mysql_server.execute(native_stack, *statements)
    _send(application, correlation_id)
    _wait_until_whole(application, native_stack, correlation_id, 2)


def test_every_file_that_the_instance_wrote_goes_with_it(native_stack: Settings) -> None:
    home = native_stack.home
    names = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file() and not path.is_symlink()}
    assert {name for name in names if not INSTANCE.names.fullmatch(name)} == set()
