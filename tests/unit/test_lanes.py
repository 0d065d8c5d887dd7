"""The split of the tests into lanes."""

from __future__ import annotations

import itertools

import pytest

from cli.testing import FOLDERS, LANES
from settings.model import REPOSITORY
from tests import lanes


@pytest.mark.parametrize(
    ("nodeid", "folder"),
    [
        ("tests/unit/test_money.py::test_x[a::b/c]", "unit"),
        ("tests/e2e/test_kills.py::test_y", "e2e"),
        ("tests/test_z.py::test_z", "tests"),
    ],
)
def test_a_test_belongs_to_its_folder(nodeid: str, folder: str) -> None:
    assert lanes.folder_of(nodeid) == folder


def test_every_test_that_needs_the_native_stack_is_in_the_native_lane(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        names = set(getattr(item, "fixturenames", ())) - set(parameters)
        if names & {"native_stack", "secured", "mysql_root_url", "composed"}:
            assert item.get_closest_marker("native") is not None, item.nodeid


def test_each_test_is_in_one_lane() -> None:
    """For each set of markers, exactly one lane's expression holds."""
    names = ("native", "docker", "browser")
    for values in itertools.product((True, False), repeat=len(names)):
        markers = dict(zip(names, values, strict=True))
        assert sum(eval(expression, {}, markers) for expression in LANES.values()) == 1, markers


@pytest.mark.parametrize("lane", FOLDERS)
def test_a_lanes_tests_are_in_its_folders(lane: str) -> None:
    mark = f"mark.{lane}"
    marked = {
        str(path.relative_to(REPOSITORY).parent)
        for path in (REPOSITORY / "tests").rglob("*.py")
        if mark in path.read_text(encoding="utf-8")
    }
    assert marked == set(FOLDERS[lane])
