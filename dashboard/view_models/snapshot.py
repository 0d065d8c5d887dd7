"""What the server knows of its instance at one moment, in parts with a version each. Shared by every open page."""

from __future__ import annotations

from dataclasses import dataclass, field

from db.queries import CommissionRow, Deliveries, OutboxRow
from stacks.faults import Lease
from stacks.part_health import PartHealth
from workers.observer_records import Observed

YOUNG = 5_000
"""No more events than so are looked at one by one: of a busy second, and of a busy second after a standstill."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One notified event with the times of its hops, microseconds since the epoch."""

    event_id: str
    seq: int
    """Of its notification."""
    type: str
    commission_id: str
    correlation_id: str
    hops: dict[str, int]

    @property
    def end_to_end_ms(self) -> float | None:
        if "occurred" in self.hops and "persisted" in self.hops:
            return (self.hops["persisted"] - self.hops["occurred"]) / 1000
        return None


@dataclass(frozen=True, slots=True)
class Young:
    """The events of the last moment: sources that are read one after the other know some of them, and each others."""

    above: int = 0
    """They have a higher outbox `seq`."""
    committed: int = 0
    notified: frozenset[int] = frozenset()
    """`seq` of their notifications."""
    notification_head: int = 0
    """What is notified beyond it was so after the database was read."""
    dead_lettered: int = 0


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """Version 0: not read yet. With a problem, the rest is as it was when the database last answered."""

    version: int = 0
    problem: str | None = None
    commissions: tuple[CommissionRow, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    hops: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of the outbox rows above."""
    deliveries_of: dict[str, int] = field(default_factory=dict)
    """Event id → committed deliveries, for the events in the feed."""
    committed: int | None = None
    notified: int | None = None
    dead_lettered: int = 0
    """Distinct committed events that were dead-lettered and never notified."""
    deliveries: Deliveries = field(default_factory=Deliveries)
    young: Young = field(default_factory=Young)
    timed: tuple[Timed, ...] = ()
    """Newest last; bounded."""


@dataclass(frozen=True, slots=True)
class FeedState:
    version: int = 0
    problem: str | None = None
    messages: tuple[Observed, ...] = ()
    """Newest first, of every topic."""
    published: int | None = None
    watermark: int | None = None
    audited: int | None = None
    newest_published: tuple[int, ...] = ()
    """Outbox `seq` of the newest distinct events, ascending."""
    newest_audited: tuple[int, ...] = ()
    """Notification `seq` of the last lines, in their order."""


@dataclass(frozen=True, slots=True)
class HealthState:
    version: int = 0
    parts: tuple[PartHealth, ...] = ()
    leases: dict[str, Lease] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def down(self) -> tuple[PartHealth, ...]:
        return tuple(part for part in self.parts if part.light == "down")


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts at one second, for rates and backlog."""

    at: float
    """Seconds since the epoch."""
    committed: int
    published: int
    notified: int
