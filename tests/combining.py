"""Combinations of a test's parameters: all of them with `--all`, otherwise a few in which every value comes up.

A long test runs with one of those few, another each day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import product

import pytest


def sample_combinations(*, one_a_day: bool = False, **axes: Iterable[str]) -> pytest.MarkDecorator:
    """Parametrize a test by the product of the axes (name → values); all but a diagonal is marked `breadth`.

    With `one_a_day`, for a test of over 20 s, all but one combination of the diagonal, which changes with the date.
    """
    values = [list(axis) for axis in axes.values()]
    longest = max(len(axis) for axis in values)
    numbers = [datetime.now(UTC).toordinal() % longest] if one_a_day else range(longest)
    diagonal = {tuple(axis[number % len(axis)] for axis in values) for number in numbers}
    return pytest.mark.parametrize(
        tuple(axes),
        [
            pytest.param(*combination, marks=[] if combination in diagonal else pytest.mark.breadth)
            for combination in product(*values)
        ],
    )
