"""How the tests share started stacks: whatever needs the same started stack runs in one lane, in one process.

`./alpes test` runs a pytest for each lane. No two native stacks of different lanes ever run at once, because
all tests that need one are in the native lane.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest


def folder_of(nodeid: str) -> str:
    """`tests/unit/test_money.py::test_x` → `unit`."""
    parts = Path(nodeid.partition("::")[0]).parts
    return parts[1] if len(parts) > 2 else parts[0]


def seconds_by_group(reports: list[pytest.TestReport]) -> dict[str, tuple[int, float]]:
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
