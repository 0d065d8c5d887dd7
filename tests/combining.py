"""Combinations of a test's parameters: all of them with `--all`, otherwise a few in which every value comes up.

A long test runs with one of those few, another each day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import product

import pytest


def sample_combinations(**axes: Iterable[str]) -> pytest.MarkDecorator:
    """Parametrize a test by the product of the axes (name → values); all but a diagonal is marked `breadth`."""
    values = [list(axis) for axis in axes.values()]
    return _parametrize(axes, values, _list_diagonal(values))


def rotate_combinations(**axes: Iterable[str]) -> pytest.MarkDecorator:
    """Do the same for a test of over 20 s: all but one combination of the diagonal, another each day, is marked `breadth`."""
    values = [list(axis) for axis in axes.values()]
    diagonal = _list_diagonal(values)
    return _parametrize(axes, values, [diagonal[count_days() % len(diagonal)]])


def count_days() -> int:
    """Return the number of today, which grows by one each day."""
    return datetime.now(UTC).toordinal()


def _list_diagonal(values: list[list[str]]) -> list[tuple[str, ...]]:
    longest = max(len(axis) for axis in values)
    return [tuple(axis[number % len(axis)] for axis in values) for number in range(longest)]


def _parametrize(names: Iterable[str], values: list[list[str]], sample: list[tuple[str, ...]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        tuple(names),
        [
            pytest.param(*combination, marks=[] if combination in sample else pytest.mark.breadth)
            for combination in product(*values)
        ],
    )
