"""Combinations of a test's parameters: all of them with `--all`, otherwise a few in which every value comes up."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest


def sample_combinations(**axes: Iterable[str]) -> pytest.MarkDecorator:
    """Parametrize a test by the product of the axes (name → values); all but a diagonal is marked `breadth`."""
    values = [list(axis) for axis in axes.values()]
    longest = max(len(axis) for axis in values)
    diagonal = {tuple(axis[number % len(axis)] for axis in values) for number in range(longest)}
    return pytest.mark.parametrize(
        tuple(axes),
        [
            pytest.param(*combination, marks=[] if combination in diagonal else pytest.mark.breadth)
            for combination in product(*values)
        ],
    )
