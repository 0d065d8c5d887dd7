"""The split of the tests into lanes."""

from __future__ import annotations

import pytest

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
        names = set(getattr(item, "fixturenames", ()))
        if names & {"native_stack", "native_page", "secured", "mysql_root_url", "composed"}:
            assert lanes.lane_of(item) == "native", item.nodeid
