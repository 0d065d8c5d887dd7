"""What a driver learned when it sent an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Answered:
    """An HTTP answer, or that none came."""

    status: int
    """0: none."""
    body: Any = None
    """The JSON of the answer; None where it is none."""
    fault: Literal["", "closed", "reset", "timeout"] = ""
    """Why there is no answer: the connection was closed in good order, was reset, or stayed silent."""


@dataclass(frozen=True, slots=True)
class Published:
    topic: str
    """Its full name."""
    message_id: str
    commission_id: str = ""
    """What was put in for COMMISSION."""


@dataclass(frozen=True, slots=True)
class Inserted:
    event_id: str
    """As it is read back: text, whatever type was inserted."""
    seq: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The broker, the database, or its client refused: nothing was sent."""

    reason: str


Outcome = Answered | Published | Inserted | Declined
