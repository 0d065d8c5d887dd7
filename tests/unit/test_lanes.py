"""The split of the tests into lanes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from cli.testing import LANES, ROUNDS, describe_first_tries, extract_failures
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
    """For each set of markers, exactly one expression holds."""
    names = ("native", "docker", "browser")
    for values in itertools.product((True, False), repeat=len(names)):
        markers = dict(zip(names, values, strict=True))
        expressions = {lane.expression for lane in LANES.values()}
        assert sum(eval(expression, {}, markers) for expression in expressions) == 1, markers


@pytest.mark.parametrize("marker", ["docker", "browser"])
def test_the_lanes_of_a_marker_collect_each_of_its_files_once(marker: str) -> None:
    text = f"mark.{marker}"
    marked = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        if text in path.read_text(encoding="utf-8")
    }
    paths = [path for lane in LANES.values() if lane.expression.startswith(marker) for path in lane.paths]
    for file in marked:
        assert sum(Path(file).is_relative_to(path) for path in paths) == 1, file


def test_the_lanes_without_a_marker_collect_each_test_file_once() -> None:
    lanes_without_marker = [lane for lane in LANES.values() if lane.expression.startswith("not native")]
    paths = [path for lane in lanes_without_marker for path in lane.paths]
    for file in (REPOSITORY / "tests").rglob("test_*.py"):
        name = file.relative_to(REPOSITORY)
        assert sum(name.is_relative_to(path) for path in paths) == 1, name


def test_each_lane_is_run_once() -> None:
    assert sorted(lane for tracks in ROUNDS for track in tracks for lane in track) == sorted(LANES)


def test_of_a_failed_lane_only_the_failures_are_repeated() -> None:
    output = """\
==== test session starts ====
collected 3 items
==== FAILURES ====
____ test_a ____
E   assert 1 == 2
==== slowest 20 durations ====
30.0s call a
==== short test summary info ====
RERUN tests/b.py::test_b
FAILED tests/a.py::test_a - assert 1 == 2
==== 1 failed, 1 passed in 3.00s ====
"""
    repeated = extract_failures(output)
    assert "E   assert 1 == 2" in repeated
    assert repeated.endswith("FAILED tests/a.py::test_a - assert 1 == 2")
    assert "30.0s call" not in repeated
    assert "RERUN" not in repeated


def test_of_a_lane_that_died_everything_is_repeated() -> None:
    assert extract_failures("INTERNALERROR> no module") == "INTERNALERROR> no module"


def test_of_a_test_that_needed_another_try_the_error_is_repeated() -> None:
    output = """\
==== rerun test summary info ====
RERUN tests/b.py::test_b
    def test_b():
>       assert page == wanted
E       AssertionError: another page
E       1
E       2
E       3
E       4

tests/b.py:5: AssertionError
PASSED tests/b.py::test_b
==== 1 passed, 1 rerun in 3.00s ====
"""
    first, *error = describe_first_tries(output)
    assert first.endswith("ran again: tests/b.py::test_b")
    assert [line.strip() for line in error] == [
        ">       assert page == wanted",
        "tests/b.py:5: AssertionError",
        "E       AssertionError: another page",
        "E       1",
        "E       2",
        "E       3",
    ]
    assert describe_first_tries("==== 1 passed in 3.00s ====") == []
