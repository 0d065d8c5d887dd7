"""Shrink a list that fails to the fewest items that still fail, by delta debugging. This module is pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(
    items: Sequence[T], fails: Callable[[list[T]], bool], is_over: Callable[[], bool] = lambda: False
) -> list[T]:
    """Return a part of the items, in their order, that fails, and of which no single item can be left out.

    `fails(items)` is called with parts only, never with all items, and once for each part. The search ends early, with
    the smallest part so far, when `is_over()`.
    """
    verdicts: dict[tuple[int, ...], bool] = {}

    def part_fails(part: list[int]) -> bool:
        if tuple(part) not in verdicts:
            verdicts[tuple(part)] = not is_over() and fails([items[number] for number in part])
        return verdicts[tuple(part)]

    failing, pieces = list(range(len(items))), 2
    while len(failing) > 1 and not is_over():
        chunks = _split(failing, pieces)
        rests = [[number for number in failing if number not in chunk] for chunk in chunks]
        smaller = next(
            (part for part in (*chunks, *rests) if part and len(part) < len(failing) and part_fails(part)), None
        )
        if smaller is not None:
            pieces = max(2, pieces - 1) if smaller in rests and len(smaller) > 1 else 2
            failing = smaller
        elif pieces < len(failing):
            pieces = min(len(failing), 2 * pieces)
        else:
            break
    return [items[number] for number in failing]


def _split(numbers: list[int], pieces: int) -> list[list[int]]:
    size, rest = divmod(len(numbers), pieces)
    ends = [(number + 1) * size + min(number + 1, rest) for number in range(pieces)]
    return [numbers[start:end] for start, end in zip([0, *ends], ends, strict=False)]
