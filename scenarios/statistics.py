"""Percentiles, by linear interpolation between the closest ranks."""

from __future__ import annotations

from collections.abc import Sequence


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99. Raises ValueError for no values."""
    ordered = sorted(values)
    return {f"p{rank}": round(_at(ordered, rank / 100), 3) for rank in (50, 95, 99)}


def _at(ordered: Sequence[float], share: float) -> float:
    if not ordered:
        raise ValueError("no values to take percentiles of")
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
