"""What becomes of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Ack:
    """Done: its effect stands, or it needs none."""

    outcome: Literal["applied", "duplicate", "skipped"]


@dataclass(frozen=True, slots=True)
class Wait:
    """What it depends on is away. It is no fault of the message: no attempt is counted, and everything waits in order."""

    detail: str


@dataclass(frozen=True, slots=True)
class Retry:
    """This message failed in a way that may pass: the attempt is counted, and it is tried again."""

    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """It can never succeed, or has failed too often."""

    reason: str
    detail: str


Outcome = Ack | Wait | Retry | DeadLetter
