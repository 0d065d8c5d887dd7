"""Test when the next held delivery is due."""

from __future__ import annotations

import pytest

from tests.clocks import patch_time
from workers.held_key import HeldKey, time_until_due


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ([], 5.0),
        ([100.0], 0.0),
        ([99.0], 0.0),
        ([102.5], 2.5),
        ([109.0, 101.0], 1.0),
        ([109.0], 5.0),
    ],
)
def test_it_waits_for_the_soonest_and_no_longer_than_allowed(
    monkeypatch: pytest.MonkeyPatch, due: list[float], expected: float
) -> None:
    patch_time(monkeypatch, "workers.held_key", monotonic=lambda: 100.0)
    assert time_until_due([HeldKey(due=each) for each in due], 5.0) == expected
