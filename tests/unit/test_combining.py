"""A sample of combinations leaves no value out."""

from __future__ import annotations

import pytest

from tests import combining
from tests.combining import rotate_combinations, sample_combinations


def test_every_value_is_in_the_sample_and_every_combination_in_the_whole() -> None:
    axes = {"size": ["wide", "narrow"], "language": ["en", "es"], "path": ["live", "trace", "guide"]}
    names, params = sample_combinations(**axes).args
    assert names == ("size", "language", "path")
    assert len({param.values for param in params}) == len(params) == 12
    sample = [param.values for param in params if not param.marks]
    assert len(sample) == 3
    assert [{combination[place] for combination in sample} for place in range(3)] == [
        set(axis) for axis in axes.values()
    ]


def test_a_long_test_takes_one_combination_a_day_and_every_value_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for day in (738_000, 738_001):
        monkeypatch.setattr(combining, "count_days", lambda day=day: day)
        _, params = rotate_combinations(size=["wide", "narrow"], language=["en", "es"]).args
        sample = [param.values for param in params if not param.marks]
        assert len(sample) == 1
        seen += sample
    assert sorted(seen) == [("narrow", "es"), ("wide", "en")]
