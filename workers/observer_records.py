"""Define the records that the observer's store returns."""

from __future__ import annotations

from dataclasses import dataclass

VARYING = ""
"""Takes the place of a digest when two messages of an event differ."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A message as the observer received it. Times are microseconds since the epoch."""

    topic: str
    message_id: str
    key: str | None
    aggregate_id: str | None
    event_id: str | None
    seq: int | None
    type: str
    correlation_id: str | None
    op: str | None
    captured_us: int | None
    publish_us: int
    event_us: int
    observed_us: int
    properties: dict[str, str]
    value: bytes
    n: int = 0
    """Order of observation, given by the store."""
    contents: str | None = None
    """Digest of the event's contents (domain.contents) if the message carries an event. It is not read back from the store."""
    version: int | None = None
    """Version of the event's schema."""


@dataclass(frozen=True, slots=True)
class Published:
    """A distinct event that was published."""

    event_id: str
    contents: str | None
    """Digest of its contents: `VARYING` when its messages differ, None when an older program or a back-up recorded it."""
    version: int | None


@dataclass(frozen=True, slots=True)
class Header:
    """A message without its body."""

    n: int
    topic: str
    message_id: str
    event_id: str | None
    properties: dict[str, str]


@dataclass(frozen=True, slots=True)
class TopicCount:
    name: str
    messages: int
    last_publish_us: int


@dataclass(frozen=True, slots=True)
class Totals:
    distinct: int
    """Distinct event ids seen on the topics that carry events."""
    watermark: int
    """Highest outbox `seq` seen there."""
    version: int
    """Increases with every batch: while it is unchanged, there is nothing new to read."""
