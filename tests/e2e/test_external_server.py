"""The external stack captures with Debezium Server, from a MySQL and for a Pulsar that another instance runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from application import Application
from application.commissions import new_id
from connectors import server_properties
from domain.commands import CalculateCommission
from scenarios import end_to_end
from scenarios.reconciliation import reconcile
from scenarios.waiting import until
from settings import Settings
from stacks import instance
from stacks.captures import capture_of
from stacks.controls import control
from stacks.native.artifacts import FetchFailed
from stacks.processes import free_port
from stacks.status import status
from tests.guests import guest

pytestmark = [pytest.mark.native, pytest.mark.breadth, pytest.mark.timeout(600)]

STARTS_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def host() -> Iterator[Settings]:
    try:
        with end_to_end.running("native", private=True, capture="debezium-server", mysql_version="9.7") as settings:
            yield settings
    except FetchFailed as error:  # Debian's archive keeps only the newest version of a package
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def visitor(host: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with guest(host) as url:
        started = instance.up(
            "external",
            tmp_path_factory.mktemp("external") / "home",
            print,
            capture="debezium-server",
            database_url=url,
            debezium_port=host.mysql_port,
            debezium_password=host.debezium_password,
            debezium_server_id=223399,
            pulsar_url=host.pulsar_url,
            pulsar_admin_url=host.pulsar_admin_url,
            pulsar_admin_token_file=host.pulsar_admin_token_file,
            server_name="guest-mysql",
            events_topic="guest-events",
            commands_topic="guest-commands",
            subscription="guest-notifications",
            commands_subscription="guest-commands",
            observer_subscription="guest-observer",
            api_port=free_port(),
            dashboard_port=free_port(),
            without=("dashboard",),
        )
        try:
            yield started.settings
        finally:
            instance.down(started.settings, print)


def test_an_event_arrives_under_the_names_of_the_instance(visitor: Settings, host: Settings) -> None:
    result = end_to_end.run(visitor)
    assert (result.ok, result.stack) == (True, "external")
    assert result.versions["capture"].startswith("Debezium Server 3.")
    assert result.versions["database"].startswith("MySQL 9.7")
    assert visitor.topics.events == "persistent://public/default/guest-events"
    assert [part.name for part in status(visitor).parts if part.light != "ok"] == []
    assert server_properties.offsets_file(visitor).exists()
    with Application(host, pool_size=1) as application:
        assert reconcile(application, host).committed == 0  # nothing of it is in the other instance


def _kill(settings: Settings) -> None:
    control(settings).kill("debezium")


def _restart(settings: Settings) -> None:
    capture_of(settings).act("restart")


@pytest.mark.parametrize("end", [_kill, _restart])
def test_it_reads_on_after_its_end(visitor: Settings, end: Callable[[Settings], None]) -> None:
    correlation_id = new_id()
    end(visitor)

    def is_notified() -> bool:
        counts = reconcile(application, visitor, correlation_id)
        return counts.complete and counts.notified == 1

    with Application(visitor, pool_size=1) as application:
        application.send(CalculateCommission(new_id(), "a", "cmp-1", "100.00", "USD", correlation_id))
        until(is_notified, STARTS_WITHIN_S, "it is notified")
    until(lambda: capture_of(visitor).examine().ok, STARTS_WITHIN_S, "it reads")
