"""Judge whether commissions and their events agree: neither exists without the other, and both have the same amounts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from domain.changes import event_types
from domain.message import Message
from scenarios.history.records import CommissionState, History, OutboxRow, is_equal_value
from scenarios.observations import Observation
from scenarios.properties import observe
from scenarios.properties.violations import DISAGREES, Violation

SHOWN_ROWS = 4


def state_and_outbox_agree(history: History) -> Iterator[Violation]:
    """Each commission of the run has exactly the events of its versions, its status, and the amounts that they repeat.

    Commissions that lost a row to pruning are left out, because some of their events are gone.
    """
    rows: dict[str, list[OutboxRow]] = {commission_id: [] for commission_id in history.states}
    for row in (*history.deleted, *history.outbox):
        rows.setdefault(row.contents.commission_id, []).append(row)
    for commission_id, events in rows.items():
        state = history.states.get(commission_id)
        if state is None:
            absence = observe.missing("database", commission_id, Message("seen.no_state"))
            yield _disagreement(commission_id, "version", "-", _format(_versions(events)), (*_show(events), absence))
        elif not (history.has_pruned and len(events) < state.version):
            yield from _compare(state, events)


def _compare(state: CommissionState, events: Sequence[OutboxRow]) -> Iterator[Violation]:
    commission_id, versions = state.commission_id, _versions(events)
    if versions != list(range(1, state.version + 1)):
        proof = (observe.state(state, "version", str(state.version)), *_show(events))
        if len(proof) == 1:
            proof = (*proof, observe.missing("database", commission_id, Message("seen.no_row")))
        yield _disagreement(commission_id, "version", str(state.version), _format(versions), proof)
    of_known_types = [row for row in events if row.contents.type in event_types()]
    last = max(of_known_types, key=lambda row: row.contents.aggregate_version, default=None)
    status = event_types()[last.contents.type].status if last else "-"
    if state.status != status:
        proof = (observe.state(state, "status", state.status), *_show([last] if last else events))
        yield _disagreement(commission_id, "status", state.status, status, proof)
    for row in events:
        for field, value in _amounts(row).items():
            own = state.amounts.get(field)
            if own is not None and not is_equal_value(own, value):
                proof = (observe.state(state, field, own), observe.row(row, f"payload.{field}"))
                yield _disagreement(commission_id, field, own, str(value), proof)


def _disagreement(commission_id: str, field: str, state: str, event: str, proof: tuple[Observation, ...]) -> Violation:
    detail = f"{commission_id}: {field} is {state} in the commission, {event} in its events"
    return Violation(DISAGREES, commission_id, proof, detail)


def _show(events: Sequence[OutboxRow]) -> tuple[Observation, ...]:
    return tuple(observe.row(row) for row in events[:SHOWN_ROWS])


def _versions(events: Sequence[OutboxRow]) -> list[int]:
    return sorted(row.contents.aggregate_version for row in events)


def _format(versions: Sequence[int]) -> str:
    return ", ".join(map(str, versions)) or "-"


def _amounts(row: OutboxRow) -> dict[str, Any]:
    try:
        payload = json.loads(row.contents.payload)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}
