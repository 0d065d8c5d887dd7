"""The outcomes of sending an input, as the drivers know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Answered:
    """An HTTP answer, or the reason why there was none."""

    status: int
    """HTTP status; 0: no answer."""
    body: Any = None
    """The answer's JSON; None if it is not JSON."""
    fault: Literal["", "closed", "reset", "timeout"] = ""
    """Why there is no answer: the connection was closed in an orderly way, was reset, or stayed silent."""


@dataclass(frozen=True, slots=True)
class Published:
    topic: str
    """Full name of the topic."""
    message_id: str
    commission_id: str = ""
    """The id that replaced COMMISSION."""


@dataclass(frozen=True, slots=True)
class Inserted:
    event_id: str
    """As it is read back: as text, also if another type was inserted."""
    seq: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The broker, the database or its client refused the input: nothing was sent."""

    reason: str


Outcome = Answered | Published | Inserted | Declined
