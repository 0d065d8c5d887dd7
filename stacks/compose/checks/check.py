"""Define the result of a check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str
    """What was compared; for a failed check, the problems."""


def judge(name: str, wrong: Sequence[str], right: str) -> Check:
    """Return a check that passes when `wrong` is empty."""
    return Check(name, not wrong, "; ".join(wrong) or right)


def run_check(check: Callable[[], Check]) -> Check:
    """Run a check; when it raises, for example because a file cannot be read, return a failed result."""
    try:
        return check()
    except Exception as error:
        return Check(check.__name__.removeprefix("check_").replace("_", " "), False, f"{type(error).__name__}: {error}")
