"""Define the view snapshots: what the readers saw last of the instance, each with a version, for all open pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from db.queries import CommissionRow, Deliveries, OutboxRow
from domain.message import Message
from stacks.faults import Lease
from stacks.part_health import LATE, PartHealth
from workers.observer_records import Observed

ON_PATH = ("database", "relay", "source", "debezium", "broker", "notifications", "observer", "audit")
"""The components without which an event is not committed, published, notified, audited, or seen."""
LAGS = (LATE, "health.behind", "health.behind_only")
YOUNG = 5_000
"""Upper bound on the events that are compared one by one: as many as a busy second has, also right after an outage."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One notified event with its timestamps, in microseconds since the epoch."""

    event_id: str
    seq: int
    """The `seq` of its notification."""
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
    """The newest events: sources that are read one after the other may each have a different set of them."""

    above: int = 0
    """The young events are those with a higher outbox `seq`."""
    committed: int = 0
    notified: frozenset[int] = frozenset()
    """The `seq` of their notifications."""
    notification_head: int = 0
    """The highest `seq` of a notification when the database was read; higher ones came later."""
    dead_lettered: int = 0
    created: int = 0
    """How many of them tell that a commission was created."""


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What was read last of the database. Version 0: nothing yet. With a problem, the rest is from the read before."""

    version: int = 0
    problem: Message | None = None
    commissions: tuple[CommissionRow, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    hops: dict[str, dict[str, int]] = field(default_factory=dict)
    """The timestamps of the outbox rows above, by event id and hop."""
    deliveries_of: dict[str, int] = field(default_factory=dict)
    """Event id → committed deliveries, for the events in the feed."""
    created: int | None = None
    """The number of commissions."""
    committed: int | None = None
    """Rows of the outbox, and the events whose row was deleted."""
    row_deleted: int = 0
    """Those of them that have no row any more, as counted when the sources last differed."""
    notified: int | None = None
    dead_lettered: int = 0
    """Distinct committed events that are dead letters and were never notified."""
    parked: int = 0
    """Those of them whose outbox rows cannot be published."""
    deliveries: Deliveries = field(default_factory=Deliveries)
    retried: int = 0
    """Unfinished messages that have failed, and are tried again."""
    young: Young = field(default_factory=Young)
    timed: tuple[Timed, ...] = ()
    """Newest last, limited in number."""


@dataclass(frozen=True, slots=True)
class FeedState:
    version: int = 0
    problem: str | None = None
    messages: tuple[Observed, ...] = ()
    """Messages of all topics, newest first."""
    published: int | None = None
    watermark: int | None = None
    audited: int | None = None
    newest_published: tuple[int, ...] = ()
    """The outbox `seq` of the newest distinct events, ascending."""
    newest_audited: tuple[int, ...] = ()
    """The notification `seq` of the last lines, in the order of the file."""


@dataclass(frozen=True, slots=True)
class HealthState:
    version: int = 0
    parts: tuple[PartHealth, ...] = ()
    leases: dict[str, Lease] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def down(self) -> tuple[PartHealth, ...]:
        return tuple(part for part in self.parts if part.light == "down")

    def holds_events_up(self) -> bool:
        """Return whether a component on the path of events is down, or waits for what it depends on.

        A lag alone explains nothing: a lost event is one that the capture is behind by for ever.
        """
        on_path = (part for part in self.parts if part.part.partition("-")[0] in ON_PATH)
        return any(part.light == "down" or (part.light != "ok" and part.message.code not in LAGS) for part in on_path)


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts at one time, for rates and backlog."""

    at: float
    """Seconds since the epoch."""
    committed: int
    published: int
    notified: int
