"""Trace one event: find it by an id, and read its timestamps and the rows, messages and line that it left."""

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
from db.hops import HOPS, RESOLUTION_US
from db.lookups import Delivery
from db.notification_queries import NotificationRow
from db.queries import CommissionRow, OutboxRow
from domain.message import Message, extract_message
from settings import Settings
from workers.observer_records import Observed
from workers.observer_store import ObserverStore

SHORTEST = 6
"""Least number of characters by which an id can be found from its beginning or end; tables show the last eight."""
EVENTS = 50
NEAR_BYTES = 1 << 20

Kind = Literal["event", "commission", "conversion", "correlation", "nothing"]


@dataclass(frozen=True, slots=True)
class Search:
    """The events to which an id leads, newest first."""

    kind: Kind = "nothing"
    events: tuple[OutboxRow, ...] = ()
    problem: Message | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The step between two consecutive measured timestamps."""

    start: str
    end: str
    from_ms: float
    """Start of the step, since the first measured timestamp."""
    ms: float
    """Duration; negative if two clocks disagree, and shown as it is."""
    resolution_ms: float
    """Clock resolution of the coarser of the two clocks."""


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


def find(application: Application, text: str) -> Search:
    """Look up an id as event, commission, conversion and correlation id, in this order.

    Of an event or commission id the beginning or end is enough, if only one id has it.
    """
    wanted = text.strip()
    if not wanted:
        return Search()
    try:
        with application.reading() as connection:
            event = lookups.outbox_event_by_id(connection, wanted)
            if event is not None:
                return Search("event", (event,))
            commission = queries.commission_by_id(connection, wanted)
            kind: Kind = "commission"
            if commission is None:
                commission, kind = queries.commission_by_conversion(connection, wanted), "conversion"
            if commission is not None:
                return Search(kind, tuple(reversed(lookups.events_of_commission(connection, commission.id, EVENTS))))
            events = lookups.events_of_correlation(connection, wanted, EVENTS)
            if events:
                return Search("correlation", tuple(events))
            full_id = lookups.find_id_by_part(connection, wanted) if len(wanted) >= SHORTEST else None
        return find(application, full_id) if full_id and full_id != wanted else Search("nothing")
    except DatabaseUnavailable as error:
        return Search(problem=extract_message(error))


def read(application: Application, settings: Settings, event: OutboxRow) -> Trace:
    """Return the trace of an event. Raises DatabaseUnavailable; data of an unreadable store or file stay empty."""
    with application.reading() as connection:
        hops = queries.read_hop_times(connection, [event.id]).get(event.id, {})
        commission = queries.commission_by_id(connection, event.aggregate_id)
        notification = lookups.notification_of(connection, event.id)
        deliveries = tuple(lookups.deliveries_of_event(connection, event.id))
    line = audit_line(settings.audit_file, notification.seq) if notification else None
    return Trace(
        event, commission, notification, deliveries, _messages(settings, event.id), line, hops, tuple(steps(hops))
    )


def steps(hops: dict[str, int]) -> list[Step]:
    """Return the steps between the measured timestamps, in path order."""
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
    """Return the JSON in a message, or its text if it is not JSON."""
    text = value.decode("utf-8", "backslashreplace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def plain_key(key: str | None) -> str:
    """Return a readable key: the JSON that connectors write in base64; another key as it is; `—` for none."""
    try:
        content = pretty(base64.b64decode(key or "", validate=True))
    except ValueError:
        content = None
    return json.dumps(content, ensure_ascii=False) if isinstance(content, dict) else key or "—"


def audit_line(path: Path, seq: int) -> str | None:
    """Return the audit line of notification `seq`; None if there is none.

    It is found by bisection, because the lines are nearly in the order of `seq`.
    """
    try:
        with path.open("rb") as file:
            low, high = 0, path.stat().st_size
            while high - low > NEAR_BYTES:
                middle = (low + high) // 2
                file.seek(middle)
                file.readline()
                line_seq = _seq(file.readline())
                if line_seq is None or line_seq > seq:
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
        return tuple(store.read_messages_of(event_id))
    except sqlite3.Error:
        return ()
    finally:
        store.close()


def resolution_ms(first: str, second: str) -> float:
    """Return the clock resolution, in ms, of the coarser of the clocks of two timestamps."""
    return max(RESOLUTION_US[first], RESOLUTION_US[second]) / 1000
