"""What becomes of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Ack:
    """Done: its effect stands, or it needs none."""

    outcome: Literal["applied", "duplicate", "skipped"]


@dataclass(frozen=True, slots=True)
class Retry:
    """It failed in a way that may pass: again in place, its key held meanwhile."""

    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """It can never succeed, or has failed too often."""

    reason: str
    detail: str


Outcome = Ack | Retry | DeadLetter
