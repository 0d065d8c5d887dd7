"""One event's whole way: which event is meant, when it passed each hop, and the thing itself at each of them."""

from __future__ import annotations

import base64
import json
import sqlite3
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from application import Application
from db import lookups, queries
from db.errors import DatabaseUnavailable
from db.hops import CLOCK_RESOLUTION_US, HOPS
from db.lookups import Delivery
from db.notification_queries import NotificationRow
from db.queries import CommissionRow, OutboxRow
from settings import Settings
from workers.observer_records import Observed
from workers.observer_store import ObserverStore

SHORTEST = 6
"""Characters of an id that may be looked up by its beginning; tables show eight."""
EVENTS = 50
NEAR_BYTES = 1 << 20
CLOCK_OF = {"captured": "capture", "published": "producer"}

Kind = Literal["event", "commission", "conversion", "correlation", "nothing"]


@dataclass(frozen=True, slots=True)
class Found:
    """The events an id leads to, newest first."""

    kind: Kind = "nothing"
    events: tuple[OutboxRow, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """From one hop to the next that was measured."""

    start: str
    end: str
    from_ms: float
    """Since the event occurred."""
    ms: float
    """Negative where two clocks disagree: shown as it is."""
    resolution_ms: float
    """Of the coarser of the two clocks."""


@dataclass(frozen=True, slots=True)
class Trace:
    event: OutboxRow
    commission: CommissionRow | None = None
    notification: NotificationRow | None = None
    deliveries: tuple[Delivery, ...] = ()
    messages: tuple[Observed, ...] = ()
    audit_line: str | None = None
    hops: dict[str, int] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def total_ms(self) -> float | None:
        if "occurred" in self.hops and "persisted" in self.hops:
            return (self.hops["persisted"] - self.hops["occurred"]) / 1000
        return None


def find(application: Application, text: str) -> Found:
    """Look the id up as event, commission, conversion and correlation id, in this order; of the first two its beginning
    is enough, where only one begins so."""
    wanted = text.strip()
    if not wanted:
        return Found()
    try:
        with application.reading() as connection:
            event = lookups.outbox_event_by_id(connection, wanted)
            if event is not None:
                return Found("event", (event,))
            commission = queries.commission_by_id(connection, wanted)
            kind: Kind = "commission"
            if commission is None:
                commission, kind = queries.commission_by_conversion(connection, wanted), "conversion"
            if commission is not None:
                return Found(kind, tuple(reversed(lookups.events_of_commission(connection, commission.id, EVENTS))))
            events = lookups.events_of_correlation(connection, wanted, EVENTS)
            if events:
                return Found("correlation", tuple(events))
            whole = lookups.find_id_by_prefix(connection, wanted) if len(wanted) >= SHORTEST else None
        return find(application, whole) if whole and whole != wanted else Found("nothing")
    except DatabaseUnavailable as error:
        return Found(problem=str(error))


def read(application: Application, settings: Settings, event: OutboxRow) -> Trace:
    """Everything about it. Raises DatabaseUnavailable; a store or file that cannot be read leaves its part empty."""
    with application.reading() as connection:
        hops = queries.hop_times(connection, [event.id]).get(event.id, {})
        commission = queries.commission_by_id(connection, event.aggregate_id)
        notification = lookups.notification_of(connection, event.id)
        deliveries = tuple(lookups.deliveries_of_event(connection, event.id))
    line = audit_line(settings.audit_file, notification.seq) if notification else None
    return Trace(
        event, commission, notification, deliveries, _messages(settings, event.id), line, hops, tuple(steps(hops))
    )


def steps(hops: dict[str, int]) -> list[Step]:
    """Between the hops that were measured, in the order of the way."""
    measured = [hop for hop in HOPS if hop in hops]
    if not measured:
        return []
    zero = hops[measured[0]]
    return [
        Step(
            first,
            second,
            (hops[first] - zero) / 1000,
            (hops[second] - hops[first]) / 1000,
            resolution_ms(first, second),
        )
        for first, second in pairwise(measured)
    ]


def pretty(value: bytes) -> Any:
    """The JSON in a message, or its text."""
    text = value.decode("utf-8", "backslashreplace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def plain_key(key: str | None) -> str:
    """What a message's key says: connectors write JSON in base64; another key is shown as it is, none as a dash."""
    try:
        said = pretty(base64.b64decode(key or "", validate=True))
    except ValueError:
        said = None
    return json.dumps(said, ensure_ascii=False) if isinstance(said, dict) else key or "—"


def audit_line(path: Path, seq: int) -> str | None:
    """The line of notification `seq`: found by halving, for the lines stand nearly in the order of `seq`."""
    try:
        with path.open("rb") as file:
            low, high = 0, path.stat().st_size
            while high - low > NEAR_BYTES:
                middle = (low + high) // 2
                file.seek(middle)
                file.readline()
                found = _seq(file.readline())
                if found is None or found > seq:
                    high = middle
                else:
                    low = middle
            file.seek(max(0, low - NEAR_BYTES))
            end = high + NEAR_BYTES
            while file.tell() <= end and (raw := file.readline()):
                if _seq(raw) == seq:
                    return raw.decode("utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError):
        pass
    return None


def _seq(raw: bytes) -> int | None:
    try:
        return int(json.loads(raw)["seq"])
    except (ValueError, KeyError, TypeError):
        return None


def _messages(settings: Settings, event_id: str) -> tuple[Observed, ...]:
    try:
        store = ObserverStore(settings.observer_store)
    except sqlite3.Error:
        return ()
    try:
        return tuple(store.messages_of(event_id))
    except sqlite3.Error:
        return ()
    finally:
        store.close()


def resolution_ms(first: str, second: str) -> float:
    """What the coarser of the two hops' clocks can tell apart."""
    return max(CLOCK_RESOLUTION_US[CLOCK_OF.get(hop, "host")] for hop in (first, second)) / 1000
