"""Whether commissions and their outbox rows say the same: neither without the other, and the same amounts in both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from db.tables import commission, outbox_event, pruned_event

CHUNK = 500
_SAME = {
    "conversionId": "conversion_id",
    "affiliateId": "affiliate_id",
    "campaignId": "campaign_id",
    "grossAmount": "gross_amount",
    "rate": "rate",
    "amount": "amount",
    "currency": "currency",
}
"""Field of a payload → the commission's column that says the same."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    commission_id: str
    field: str
    state: str
    """What the commission says; `-` where it is not there."""
    event: str

    def __str__(self) -> str:
        return f"{self.commission_id}: {self.field} is {self.state} in the commission, {self.event} in its events"


def disagreements(
    connection: Connection, correlation_id: str, conversion_ids: Sequence[str] = ()
) -> Iterator[Disagreement]:
    """Of the commissions that events of a correlation id tell of, and those of some conversions.

    Commissions that lost a row to pruning are left out: their events are not all there any more.
    """
    told = select(outbox_event.c.aggregate_id).where(outbox_event.c.correlation_id == correlation_id).distinct()
    ids = set(connection.scalars(told))
    for some in _chunks(list(conversion_ids)):
        ids |= set(connection.scalars(select(commission.c.id).where(commission.c.conversion_id.in_(some))))
    pruned = connection.scalar(select(pruned_event.c.event_id).limit(1)) is not None
    for some in _chunks(sorted(ids)):
        states = _rows(connection, commission, commission.c.id.in_(some))
        events = _rows(connection, outbox_event, outbox_event.c.aggregate_id.in_(some))
        by_id = {str(row["id"]): row for row in states}
        events_of: dict[str, list[Mapping[str, Any]]] = {}
        for row in events:
            events_of.setdefault(str(row["aggregate_id"]), []).append(row)
        for commission_id in some:
            own = events_of.get(commission_id, [])
            if pruned and by_id.get(commission_id) is not None and len(own) < int(by_id[commission_id]["version"]):
                continue
            yield from _compared(commission_id, by_id.get(commission_id), own)


def _compared(
    commission_id: str, state: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]]
) -> Iterator[Disagreement]:
    versions = sorted(int(row["aggregate_version"]) for row in events)
    if state is None:
        yield Disagreement(commission_id, "version", "-", _listed(versions))
        return
    if versions != list(range(1, int(state["version"]) + 1)):
        yield Disagreement(commission_id, "version", str(state["version"]), _listed(versions))
    approved = any(row["type"] == "CommissionApproved" for row in events)
    status = "APPROVED" if approved else "CALCULATED"
    if state["status"] != status:
        yield Disagreement(commission_id, "status", str(state["status"]), status)
    for row in events:
        payload = row["payload"] if isinstance(row["payload"], dict) else {}
        for field, column in _SAME.items():
            if field in payload and not _equal(state[column], payload[field]):
                yield Disagreement(commission_id, field, str(state[column]), str(payload[field]))


def _equal(state: Any, event: Any) -> bool:
    if isinstance(state, Decimal):
        try:
            return state == Decimal(str(event))
        except InvalidOperation:
            return False
    return bool(state == event)


def _listed(versions: Sequence[int]) -> str:
    return ", ".join(map(str, versions)) or "-"


def _rows(connection: Connection, table: Any, where: ColumnElement[bool]) -> Sequence[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(select(table).where(where)).mappings()]


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield list(ids[start : start + CHUNK])
