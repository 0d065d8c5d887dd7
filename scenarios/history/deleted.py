"""Find the committed events of a run whose outbox rows were deleted: their commissions still have their versions."""

from __future__ import annotations

from domain.contents import Contents
from scenarios.history.records import History, OutboxRow


def find_deleted(history: History) -> tuple[OutboxRow, ...]:
    """Return the run's events that were published or notified, whose commission has their version, and no row has it.

    The commission is written in the transaction of the row, so a version that it has was committed.
    """
    versions = {(row.contents.commission_id, row.contents.aggregate_version) for row in history.outbox}
    deleted: dict[str, OutboxRow] = {}
    for event, schema_version in _list_seen(history):
        state = history.states.get(event.commission_id)
        place = (event.commission_id, event.aggregate_version)
        is_committed = state is not None and 1 <= event.aggregate_version <= state.version
        if is_committed and place not in versions and event.event_id not in history.pruned:
            versions.add(place)
            deleted[event.event_id] = OutboxRow(0, event, schema_version)
    return tuple(deleted.values())


def _list_seen(history: History) -> list[tuple[Contents, int]]:
    """Return the contents of the run's messages and notifications with the version of the schema, messages first."""
    published = [(message.contents, message.version or 1) for message in history.messages if message.contents]
    return [*published, *((notification.contents, 1) for notification in history.notifications)]
