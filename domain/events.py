"""Define what every event has. The event types are in `domain/changes`, each beside the command that raises it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Protocol

AGGREGATE_TYPE = "commission"


class Event(Protocol):
    """A fact about a commission. Messages and tables name it by `type` and `version`, never by its class."""

    type: ClassVar[str]
    version: ClassVar[int]
    """Version of the payload's schema."""
    status: ClassVar[str]
    """Status of the commission after this event."""

    @property
    def commission_id(self) -> str: ...

    @property
    def aggregate_version(self) -> int: ...

    @property
    def occurred_at(self) -> datetime: ...

    def payload(self) -> dict[str, Any]: ...
