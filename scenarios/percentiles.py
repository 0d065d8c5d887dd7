"""Compute percentiles, by linear interpolation between the closest ranks."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return {"p50": …, "p95": …, "p99": …} in the unit of `values`, rounded to 3 digits. Raises ValueError for no values."""
    if not values:
        raise ValueError("no values to take percentiles of")
    # `quantiles` needs two values.
    cuts = quantiles([*values, *values[:1]] if len(values) == 1 else values, n=100, method="inclusive")
    return {f"p{rank}": round(cuts[rank - 1], 3) for rank in (50, 95, 99)}
