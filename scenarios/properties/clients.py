"""Judge what clients were told: an acknowledged command is committed, a refused one left nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from domain.message import Message
from scenarios.history.records import CommissionState, History, Operation, OutboxRow, is_equal_value
from scenarios.observations import Observation
from scenarios.properties import observe
from scenarios.properties.violations import (
    NOT_COMMITTED,
    NOT_WHAT_WAS_ASKED,
    REFUSED_AND_COMMITTED,
    REPEATED,
    Violation,
)

APPROVED = "APPROVED"


def acknowledged_is_committed(history: History) -> Iterator[Violation]:
    """What was acknowledged to a client is committed: the events that the answer named, or the state that was asked for."""
    for operation in history.operations:
        if operation.outcome != "acknowledged":
            continue
        for event_id in operation.event_ids:
            if event_id not in history.committed:
                absence = observe.missing("database", event_id, Message("seen.no_row"))
                yield Violation(NOT_COMMITTED, event_id, (observe.operation(operation), absence))
        if operation.event_ids:
            continue
        state = _state_of(history, operation)
        if state is None:
            absence = observe.missing("database", operation.target, Message("seen.no_state"))
            # A command on the commands topic may still be waiting for its worker.
            yield _not_committed(operation, absence)
        elif operation.command == "approve" and state.status != APPROVED:
            yield _not_committed(operation, observe.state(state, "status", state.status))


def _not_committed(operation: Operation, proof: Observation) -> Violation:
    name = f"{operation.command} {operation.target}"
    return Violation(NOT_COMMITTED, name, (observe.operation(operation), proof), is_final=False)


def command_once(history: History) -> Iterator[Violation]:
    """A command that is sent several times has one effect: one answer names an event, and one event is committed."""
    effective: dict[tuple[str, str], Operation] = {}
    for operation in history.operations:
        if not operation.event_ids or operation.command == "change":
            continue
        first = effective.setdefault((operation.command, operation.target), operation)
        if first is not operation:
            proof = (observe.operation(first), observe.operation(operation))
            rows = [
                observe.row(history.rows[event_id]) for event_id in operation.event_ids[:1] if event_id in history.rows
            ]
            yield Violation(REPEATED, operation.target, (*proof, *rows))

    yield from _repeated_changes(history)


def _repeated_changes(history: History) -> Iterator[Violation]:
    """Yield the commissions with two events of one kind, which no answer shows when the commands came by the broker."""
    written_by_hand = Counter(operation.target for operation in history.operations if operation.command == "change")
    rows: dict[tuple[str, str], list[OutboxRow]] = {}
    for row in history.outbox:
        rows.setdefault((row.contents.commission_id, row.contents.type), []).append(row)
    for (commission_id, _type), events in rows.items():
        if len(events) > 1 + written_by_hand[commission_id]:
            yield Violation(REPEATED, commission_id, tuple(observe.row(repeated) for repeated in events[:2]))


def committed_what_was_asked(history: History) -> Iterator[Violation]:
    """A commission has the values of a command that asked for it: of the one whose answer named its event, if one did."""
    asking: dict[str, list[Operation]] = {}
    for operation in history.operations:
        if operation.command == "calculate" and operation.outcome != "refused" and operation.fields:
            asking.setdefault(operation.target, []).append(operation)
    for conversion_id, operations in asking.items():
        state = history.states_by_conversion.get(conversion_id)
        answered = [candidate for candidate in operations if candidate.event_ids] or operations
        if state is None or any(_differing_field(candidate, state) is None for candidate in answered):
            continue
        expected, field = answered[0], _differing_field(answered[0], state)
        assert field is not None
        actual = state.amounts[field]
        proof = (
            observe.requested_value(expected, field, dict(expected.fields)[field]),
            observe.state(state, field, actual),
        )
        yield Violation(NOT_WHAT_WAS_ASKED, conversion_id, proof)


def _differing_field(operation: Operation, state: CommissionState) -> str | None:
    return next(
        (
            name
            for name, value in operation.fields
            if name in state.amounts and not is_equal_value(state.amounts[name], value)
        ),
        None,
    )


def refused_leaves_nothing(history: History) -> Iterator[Violation]:
    """A refused command left nothing, unless another command asked for the same and was not refused."""
    not_refused = {
        (candidate.command, candidate.target) for candidate in history.operations if candidate.outcome != "refused"
    }
    for operation in history.operations:
        if operation.outcome != "refused" or (operation.command, operation.target) in not_refused:
            continue
        state = _state_of(history, operation)
        if state is not None and (operation.command == "calculate" or state.status == APPROVED):
            name = f"{operation.command} {operation.target}"
            proof = (observe.operation(operation), observe.state(state, "status", state.status))
            yield Violation(REFUSED_AND_COMMITTED, name, proof)


def _state_of(history: History, operation: Operation) -> CommissionState | None:
    by_id = history.states_by_conversion if operation.command == "calculate" else history.states
    return by_id.get(operation.target)
