"""Debezium Server and MySQL 9.7: the whole path, and SIGKILL of any one process under load. Their packages are large, so breadth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scenarios import end_to_end
from settings import Settings
from stacks.native.artifacts import FetchFailed
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
