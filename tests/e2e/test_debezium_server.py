"""Debezium Server and MySQL 9.7: the whole path, and SIGKILL of any one process under load. Their packages are large, so breadth."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectors import server_properties
from scenarios import end_to_end, runner
from scenarios.waiting import until
from settings import Settings
from stacks import faults
from stacks.captures import capture_of
from stacks.native.artifacts import FetchFailed
from tests.e2e.load import Load
from tests.e2e.test_kills import survives

pytestmark = [pytest.mark.native, pytest.mark.breadth, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=["8.0", "9.7"])
def current(request: pytest.FixtureRequest) -> Iterator[Settings]:
    try:
        with end_to_end.running("native", capture="debezium-server", mysql_version=request.param) as settings:
            yield settings
    except FetchFailed as error:  # Debian's archive keeps only the newest version of a package
        pytest.skip(str(error))


def test_an_event_arrives_once_and_the_versions_are_named(current: Settings) -> None:
    result = end_to_end.run(current)
    assert result.ok
    assert result.versions["capture"].startswith("Debezium Server 3.")
    assert result.versions["database"].startswith(f"MySQL {current.mysql_version}.")


@pytest.mark.parametrize("part", ["debezium", "broker", "database", "notifications"])
def test_any_part_may_be_killed(current: Settings, part: str) -> None:
    survives(current, part)


def _tear_history(settings: Settings) -> None:
    path = server_properties.history_file(settings)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _lose_history(settings: Settings) -> None:
    server_properties.history_file(settings).unlink()


def _overwrite_offsets(settings: Settings) -> None:
    server_properties.offsets_file(settings).write_bytes(b"no offsets at all")


@pytest.mark.parametrize("damage", [_tear_history, _lose_history, _overwrite_offsets])
def test_a_damaged_file_is_made_up_for_by_a_new_snapshot(current: Settings, damage: Callable[[Settings], None]) -> None:
    with Load(current) as load:
        faults.kill(current, "debezium", hold_s=60)
        damage(current)
        faults.release(current, "debezium")
        load.wait_for_more(50)
        found = load.finish()
        assert load.lost() == set()
        assert found.committed == found.published == found.notified == found.audited >= 70
        assert (found.doubled, found.out_of_order) == ((), ())
    until(lambda: capture_of(current).examine().ok, 30, "nothing is wrong with it any more")


@pytest.mark.parametrize(
    "name",
    [
        "binlog-purged",
        "history-lost",
        "server-replaced",
        "older-binlog",
        "unparseable-ddl",
        "schema-change",
        "idle-capture",
        "large-insert",
    ],
)
def test_what_ends_a_capture_in_practice_loses_nothing(current: Settings, name: str) -> None:
    result = runner.run(current, name, seed=1)
    assert (result.verdict, result.fault_confirmed) == ("PASS", True), result.reason
