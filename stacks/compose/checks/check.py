"""What a check answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str
    """What was compared, or what is wrong."""


def judged(name: str, wrong: Sequence[str], right: str) -> Check:
    """Ok when nothing is wrong."""
    return Check(name, not wrong, "; ".join(wrong) or right)


def guarded(check: Callable[[], Check]) -> Check:
    """A check that fails to run fails: a file that cannot be read is no pass."""
    try:
        return check()
    except Exception as error:
        return Check(check.__name__.replace("_", " "), False, f"{type(error).__name__}: {error}")
