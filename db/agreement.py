"""Compare commissions with their outbox rows: neither may exist without the other, and both must have the same amounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from db.tables import commission, outbox_event, pruned_event
from domain.changes import event_types

CHUNK = 500
_PAYLOAD_COLUMNS = {
    "conversionId": "conversion_id",
    "affiliateId": "affiliate_id",
    "campaignId": "campaign_id",
    "grossAmount": "gross_amount",
    "rate": "rate",
    "amount": "amount",
    "currency": "currency",
}
"""Field of a payload → column of the commission with the same value."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    commission_id: str
    field: str
    state: str
    """The commission's value; `-` when there is no commission."""
    event: str
    """The value in its events."""

    def __str__(self) -> str:
        return f"{self.commission_id}: {self.field} is {self.state} in the commission, {self.event} in its events"


def find_disagreements(
    connection: Connection, correlation_id: str, conversion_ids: Sequence[str] = ()
) -> Iterator[Disagreement]:
    """Yield the disagreements of the commissions with events of a correlation id, and of those of some conversions.

    Commissions that lost a row to pruning are left out, because some of their events are gone.
    """
    aggregate_ids = (
        select(outbox_event.c.aggregate_id).where(outbox_event.c.correlation_id == correlation_id).distinct()
    )
    ids = set(connection.scalars(aggregate_ids))
    for chunk in _chunks(list(conversion_ids)):
        ids |= set(connection.scalars(select(commission.c.id).where(commission.c.conversion_id.in_(chunk))))
    pruned = connection.scalar(select(pruned_event.c.event_id).limit(1)) is not None
    for chunk in _chunks(sorted(ids)):
        states = _rows(connection, commission, commission.c.id.in_(chunk))
        events = _rows(connection, outbox_event, outbox_event.c.aggregate_id.in_(chunk))
        by_id = {str(row["id"]): row for row in states}
        events_by_commission: dict[str, list[Mapping[str, Any]]] = {}
        for row in events:
            events_by_commission.setdefault(str(row["aggregate_id"]), []).append(row)
        for commission_id in chunk:
            own_events = events_by_commission.get(commission_id, [])
            if (
                pruned
                and by_id.get(commission_id) is not None
                and len(own_events) < int(by_id[commission_id]["version"])
            ):
                continue
            yield from _compare(commission_id, by_id.get(commission_id), own_events)


def _compare(
    commission_id: str, state: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]]
) -> Iterator[Disagreement]:
    versions = sorted(int(row["aggregate_version"]) for row in events)
    if state is None:
        yield Disagreement(commission_id, "version", "-", _format_versions(versions))
        return
    if versions != list(range(1, int(state["version"]) + 1)):
        yield Disagreement(commission_id, "version", str(state["version"]), _format_versions(versions))
    status = _find_status(events)
    if state["status"] != status:
        yield Disagreement(commission_id, "status", str(state["status"]), status)
    for row in events:
        payload = row["payload"] if isinstance(row["payload"], dict) else {}
        for field, column in _PAYLOAD_COLUMNS.items():
            if field in payload and not _equal(state[column], payload[field]):
                yield Disagreement(commission_id, field, str(state[column]), str(payload[field]))


def _find_status(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the status after the last event of a known type; `-` when there is none."""
    known = event_types()
    known_rows = [row for row in events if row["type"] in known]
    if not known_rows:
        return "-"
    return known[max(known_rows, key=lambda row: int(row["aggregate_version"]))["type"]].status


def _equal(state: Any, event: Any) -> bool:
    if isinstance(state, Decimal):
        try:
            return state == Decimal(str(event))
        except InvalidOperation:
            return False
    return bool(state == event)


def _format_versions(versions: Sequence[int]) -> str:
    return ", ".join(map(str, versions)) or "-"


def _rows(connection: Connection, table: Any, where: ColumnElement[bool]) -> Sequence[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(select(table).where(where)).mappings()]


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield list(ids[start : start + CHUNK])
