"""How the tests share two processes: whatever needs the same started stack runs in one lane, in one process.

A lane is a group of pytest-xdist, which gives each process one lane after the other. No two native stacks ever run at
once, because all tests of the native lane run one after the other.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

ORDER = ("native", "browser", "scenarios", "e2e", "operations", "dashboard")
"""The longest lanes come first, so that the two processes end at about the same time."""


def lane_of(item: pytest.Item) -> str:
    """`native` and `browser` by their markers, else the folder of the test's file."""
    for name in ("native", "browser"):
        if item.get_closest_marker(name) is not None:
            return name
    return folder_of(item.nodeid)


def folder_of(nodeid: str) -> str:
    """`tests/unit/test_money.py::test_x` → `unit`."""
    parts = Path(nodeid.partition("::")[0]).parts
    return parts[1] if len(parts) > 2 else parts[0]


def arrange(items: list[pytest.Item]) -> None:
    """Mark each test with its lane, and put the lanes in ORDER; within a lane the order stays."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(lane_of(item)))
    items.sort(key=lambda item: _place(lane_of(item)))


def seconds_by_lane(reports: list[pytest.TestReport]) -> dict[str, tuple[int, float]]:
    """{group of tests: (tests, seconds of set-up, call and tear-down)}, the longest first."""
    tests: dict[str, set[str]] = defaultdict(set)
    seconds: dict[str, float] = defaultdict(float)
    for report in reports:
        group = folder_of(report.nodeid)
        if "native" in report.keywords:
            group += " (native)"
        tests[group].add(report.nodeid)
        seconds[group] += report.duration
    return {name: (len(tests[name]), seconds[name]) for name in sorted(seconds, key=lambda name: -seconds[name])}


def _place(lane: str) -> int:
    return ORDER.index(lane) if lane in ORDER else len(ORDER)
