"""Define the outcomes of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Ack:
    """The delivery is processed: its effect was written, or it needs none."""

    outcome: Literal["applied", "duplicate", "skipped"]


@dataclass(frozen=True, slots=True)
class Wait:
    """A dependency is unavailable. The message is not at fault: no attempt is counted, and all messages wait in order."""

    detail: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The message failed and may succeed later: the attempt is counted, and it is retried."""

    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The message can never succeed, or has failed too often."""

    reason: str
    detail: str


Outcome = Ack | Wait | Retry | DeadLetter
